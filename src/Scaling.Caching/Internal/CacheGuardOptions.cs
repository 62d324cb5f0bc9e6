namespace Scaling.Caching.Internal;

/// <summary>When L2 is given up, and how it is won back. Users set <see cref="CacheAsideOptions.RemoteTimeout"/>; for the rest these values serve everybody.</summary>
internal sealed class CacheGuardOptions
{
    /// <summary>False calls L2 as it is: no timeout, no breaker, no cap.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>How long one read or write of L2 may take, even when the client ignores its token.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromMilliseconds(250);

    /// <summary>After this many faults or timeouts in a row L2 is left alone until the prober wins it back.</summary>
    public int ConsecutiveFaults { get; set; } = 5;

    /// <summary>How many calls to L2 may be in flight; further ones go around L2.</summary>
    public int MaxConcurrentCalls { get; set; } = 1_000;

    /// <summary>The first pause between two probes of a lost L2; doubles up to <see cref="MaxProbeInterval"/>.</summary>
    public TimeSpan ProbeInterval { get; set; } = TimeSpan.FromMilliseconds(250);

    /// <summary>The longest pause between two probes.</summary>
    public TimeSpan MaxProbeInterval { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>How many keys and tags are remembered for invalidation while L2 is away. When more are invalidated, everything is dropped on recovery.</summary>
    public int JournalCapacity { get; set; } = 10_000;
}
