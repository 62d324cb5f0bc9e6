namespace Scaling.Resilience.Tests.Simulation;

/// <summary>What happened in one second of a run.</summary>
internal sealed class Second
{
    public int Offered { get; set; }

    /// <summary>Requests that reached the server, retries included.</summary>
    public int Sent { get; set; }

    /// <summary>Answers that came while the client still waited.</summary>
    public int Good { get; set; }

    public int Shed { get; set; }

    /// <summary>The limit at the end of the second.</summary>
    public int Limit { get; set; }

    public List<double> Milliseconds { get; } = [];
}
