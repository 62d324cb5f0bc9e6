namespace Scaling.Resilience;

/// <summary>What a limit algorithm may know about a finished call.</summary>
/// <param name="now">When it finished, on a clock that only runs forward; its zero means nothing.</param>
/// <param name="rtt">How long it ran, without the wait for its permit.</param>
/// <param name="inFlight">Calls that were running when it finished, itself included.</param>
/// <param name="dropped">It failed in a way that speaks of overload: it timed out or was refused.</param>
#pragma warning disable CA1815 // nobody compares two samples
public readonly struct ConcurrencySample(TimeSpan now, TimeSpan rtt, int inFlight, bool dropped = false)
#pragma warning restore CA1815 // see above
{
    /// <summary>When the call finished, on a clock that only runs forward; its zero means nothing.</summary>
    public TimeSpan Now => now;

    /// <summary>How long the call ran, without the wait for its permit.</summary>
    public TimeSpan Rtt => rtt;

    /// <summary>Calls that were running when it finished, itself included.</summary>
    public int InFlight => inFlight;

    /// <summary>The call failed in a way that speaks of overload.</summary>
    public bool Dropped => dropped;
}
