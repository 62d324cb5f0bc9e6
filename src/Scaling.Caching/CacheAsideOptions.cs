using Scaling.Caching.Internal;

namespace Scaling.Caching;

/// <summary>How a <see cref="CacheAside"/> keeps, ages and loads values. The defaults are meant for production.</summary>
public sealed class CacheAsideOptions
{
    /// <summary>Put in front of every key in L2, so that caches can share a Redis. Default <c>cache:</c>.</summary>
    public string KeyPrefix { get; set; } = "cache:";

    /// <summary>
    /// How long a value is fresh. Default 5 minutes. Up to a tenth of it is taken off at random, so that values stored together do not expire together;
    /// nothing lengthens it.
    /// </summary>
    public TimeSpan Expiration { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How long a value may be served from this node's memory before L2 is asked again. Default: as long as it is fresh.</summary>
    public TimeSpan? LocalExpiration { get; set; }

    /// <summary>How long a null (the row does not exist) is fresh, never longer than <see cref="Expiration"/>. Default 30 s; zero does not cache nulls.</summary>
    public TimeSpan NullExpiration { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long after its expiration a value may still be served when loading fails, times out or is shed. Default 1 minute; zero turns it off.
    /// An invalidated value is never served stale.
    /// </summary>
    public TimeSpan MaxStale { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// How long a local copy may be served while this node cannot hear the invalidations of the others (Redis unreachable, subscription cut). Default 10 s.
    /// </summary>
    public TimeSpan IsolatedExpiration { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How long one call to L2 may take, even when its client ignores its token. Default 250 ms, at most one minute. One timer serves all calls in flight and
    /// looks sixteen times within this time, so a call is given up at its end or up to a sixteenth before. A few in a row that take longer, or fail, and L2 is left alone until it answers a probe. <see cref="Timeout.InfiniteTimeSpan"/> takes the guard away: a hung Redis then costs every
    /// caller its client's own timeout, and nothing is promised about outages. It exists to show the difference, and for an L2 that cannot fail.
    /// </summary>
    public TimeSpan RemoteTimeout
    {
        get => Guard.Enabled ? Guard.Timeout : Timeout.InfiniteTimeSpan;
        set
        {
            Guard.Enabled = value != Timeout.InfiniteTimeSpan;
            Guard.Timeout = Guard.Enabled ? value : Guard.Timeout;
        }
    }

    /// <summary>
    /// After this long, callers for whom a stale value is at hand get it while the load goes on. Default null: they wait for the load.
    /// Set it only when the load owns what it uses (a data source, a DbContext factory), for it outlives the request that began it.
    /// </summary>
    public TimeSpan? SoftLoadTimeout { get; set; }

    /// <summary>After this long, a load is cancelled and counts as failed, even when it ignores its token. Default 30 s.</summary>
    public TimeSpan LoadTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How many loads may run at once, so that a dead Redis does not take the database down. Default 100, the size of an Npgsql pool.
    /// A load without a stale value at hand waits up to a second for its turn and is then shed with <see cref="CacheLoadShedException"/>; with one, the
    /// stale value is served at once. A load that ignores its cancellation keeps its place until it really ends.
    /// </summary>
    public int MaxConcurrentLoads { get; set; } = 100;

    /// <summary>The largest serialized value that is cached; a larger one is returned, counted and not kept. Default 1 MiB.</summary>
    public int MaxPayloadBytes { get; set; } = 1024 * 1024;

    /// <summary>The memory this node spends on values, in serialized bytes. Default 64 MiB.</summary>
    public long LocalSizeLimit { get; set; } = 64 * 1024 * 1024;

    /// <summary>How long a load without a stale value at hand waits for its turn.</summary>
    internal TimeSpan LoadQueueTimeout { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>β of XFetch; 1 is the paper's optimum, zero turns it off. See <see cref="Internal.EarlyRefresh"/>.</summary>
    internal double EarlyRefresh { get; set; } = 1;

    /// <summary>The largest share by which an expiration is shortened at random.</summary>
    internal double Jitter { get; set; } = 0.1;

    /// <summary>Uniform in [0, 1); the dice of jitter and early refresh.</summary>
    internal Func<double> NextRandom { get; set; } = Random.Shared.NextDouble;

    internal CacheGuardOptions Guard { get; } = new();

    internal CacheAsideOptions Validate()
    {
        ArgumentNullException.ThrowIfNull(KeyPrefix);
        Require(Expiration > TimeSpan.Zero, nameof(Expiration), Expiration, "a positive time");
        Require(LocalExpiration is null || LocalExpiration >= TimeSpan.Zero, nameof(LocalExpiration), LocalExpiration, "null, zero or a positive time");
        Require(NullExpiration >= TimeSpan.Zero, nameof(NullExpiration), NullExpiration, "zero or a positive time");
        Require(MaxStale >= TimeSpan.Zero, nameof(MaxStale), MaxStale, "zero or a positive time");
        Require(IsolatedExpiration >= TimeSpan.Zero, nameof(IsolatedExpiration), IsolatedExpiration, "zero or a positive time");
        Require(Guard.Timeout > TimeSpan.Zero && Guard.Timeout <= TimeSpan.FromMinutes(1), nameof(RemoteTimeout), Guard.Timeout, "a positive time of at most one minute, or infinite");
        Require(SoftLoadTimeout is null || SoftLoadTimeout > TimeSpan.Zero, nameof(SoftLoadTimeout), SoftLoadTimeout, "null or a positive time");
        Require(LoadTimeout > TimeSpan.Zero && LoadTimeout <= TimeSpan.FromDays(1), nameof(LoadTimeout), LoadTimeout, "a positive time of at most one day");
        Require(MaxConcurrentLoads > 0, nameof(MaxConcurrentLoads), MaxConcurrentLoads, "at least 1");
        Require(MaxPayloadBytes > 0, nameof(MaxPayloadBytes), MaxPayloadBytes, "at least 1 byte");
        Require(LocalSizeLimit >= 0, nameof(LocalSizeLimit), LocalSizeLimit, "zero or more bytes");
        return this;
    }

    private static void Require(bool holds, string name, object? value, string remedy)
    {
        if (!holds)
        {
            throw new ArgumentOutOfRangeException(name, value, $"{name} must be {remedy}.");
        }
    }
}
