namespace Scaling.Caching;

/// <summary>When L2 is given up, and how it is won back.</summary>
public sealed class CacheGuardOptions
{
    /// <summary>
    /// Default true. False calls L2 as it is: no timeout, no breaker, no cap, so a hung Redis costs every caller its client's own timeout and nothing
    /// is promised about outages. It exists to show the difference, and for an L2 that cannot fail.
    /// </summary>
    public bool Enabled { get; set; } = true;

    /// <summary>How long one read or write of L2 may take, even when the client ignores its token. Default 250 ms.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromMilliseconds(250);

    /// <summary>After this many faults or timeouts in a row L2 is left alone until the prober wins it back. Default 5.</summary>
    public int ConsecutiveFaults { get; set; } = 5;

    /// <summary>How many calls to L2 may be in flight; further ones go around L2. Default 1,000.</summary>
    public int MaxConcurrentCalls { get; set; } = 1_000;

    /// <summary>The first pause between two probes of a lost L2; doubles up to <see cref="MaxProbeInterval"/>. Default 250 ms.</summary>
    public TimeSpan ProbeInterval { get; set; } = TimeSpan.FromMilliseconds(250);

    /// <summary>The longest pause between two probes. Default 2 s.</summary>
    public TimeSpan MaxProbeInterval { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// How many keys and tags are remembered for invalidation while L2 is away. Default 10,000. When more are invalidated, everything is dropped on recovery.
    /// </summary>
    public int JournalCapacity { get; set; } = 10_000;

    internal void Validate()
    {
        CacheAsideOptions.Require(Timeout > TimeSpan.Zero && Timeout <= TimeSpan.FromMinutes(1), nameof(Timeout), Timeout, "a positive time of at most one minute");
        CacheAsideOptions.Require(ConsecutiveFaults > 0, nameof(ConsecutiveFaults), ConsecutiveFaults, "at least 1");
        CacheAsideOptions.Require(MaxConcurrentCalls > 0, nameof(MaxConcurrentCalls), MaxConcurrentCalls, "at least 1");
        CacheAsideOptions.Require(ProbeInterval > TimeSpan.Zero, nameof(ProbeInterval), ProbeInterval, "a positive time");
        CacheAsideOptions.Require(MaxProbeInterval >= ProbeInterval, nameof(MaxProbeInterval), MaxProbeInterval, $"at least {nameof(ProbeInterval)} ({ProbeInterval})");
        CacheAsideOptions.Require(JournalCapacity > 0, nameof(JournalCapacity), JournalCapacity, "at least 1");
    }
}
