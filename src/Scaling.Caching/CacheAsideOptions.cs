namespace Scaling.Caching;

/// <summary>How a <see cref="CacheAside"/> keeps, ages and loads values. The defaults are meant for production.</summary>
public sealed class CacheAsideOptions
{
    /// <summary>Put in front of every key in L2, so that caches can share a Redis. Default <c>cache:</c>.</summary>
    public string KeyPrefix { get; set; } = "cache:";

    /// <summary>How long a value is fresh. Default 5 minutes. <see cref="Jitter"/> may shorten it, nothing lengthens it.</summary>
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
    /// After this long, callers for whom a stale value is at hand get it while the load goes on. Default null: they wait for the load.
    /// Set it only when the load owns what it uses (a data source, a DbContext factory), for it outlives the request that began it.
    /// </summary>
    public TimeSpan? SoftLoadTimeout { get; set; }

    /// <summary>After this long, a load is cancelled and counts as failed, even when it ignores its token. Default 30 s.</summary>
    public TimeSpan LoadTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How many loads may run at once, so that a dead Redis does not take the database down. Default 100, the size of an Npgsql pool.
    /// A load that ignores its cancellation keeps its place until it really ends.
    /// </summary>
    public int MaxConcurrentLoads { get; set; } = 100;

    /// <summary>
    /// How long a load without a stale value at hand waits for its turn before it is shed with <see cref="CacheLoadShedException"/>. Default 1 s.
    /// </summary>
    public TimeSpan LoadQueueTimeout { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// β of XFetch (Vattani, Chierichetti, Lowenstein, VLDB 2015): how eagerly a read reloads a value shortly before it expires, so that the crowd never
    /// finds it expired. One caller loads, the others keep hitting. Default 1, the paper's optimum; zero turns it off.
    /// </summary>
    public double EarlyRefresh { get; set; } = 1;

    /// <summary>The largest share by which an expiration is shortened at random, so that values stored together do not expire together. Default 0.1.</summary>
    public double Jitter { get; set; } = 0.1;

    /// <summary>The largest serialized value that is cached; a larger one is returned, counted and not kept. Default 1 MiB.</summary>
    public int MaxPayloadBytes { get; set; } = 1024 * 1024;

    /// <summary>The memory this node spends on values, in serialized bytes. Default 64 MiB.</summary>
    public long LocalSizeLimit { get; set; } = 64 * 1024 * 1024;

    /// <summary>What stands between the callers and a failing L2.</summary>
    public CacheGuardOptions Guard { get; set; } = new();

    internal CacheAsideOptions Validate()
    {
        ArgumentNullException.ThrowIfNull(KeyPrefix);
        ArgumentNullException.ThrowIfNull(Guard);
        Require(Expiration > TimeSpan.Zero, nameof(Expiration), Expiration, "a positive time");
        Require(LocalExpiration is null || LocalExpiration >= TimeSpan.Zero, nameof(LocalExpiration), LocalExpiration, "null, zero or a positive time");
        Require(NullExpiration >= TimeSpan.Zero, nameof(NullExpiration), NullExpiration, "zero or a positive time");
        Require(MaxStale >= TimeSpan.Zero, nameof(MaxStale), MaxStale, "zero or a positive time");
        Require(IsolatedExpiration >= TimeSpan.Zero, nameof(IsolatedExpiration), IsolatedExpiration, "zero or a positive time");
        Require(SoftLoadTimeout is null || SoftLoadTimeout > TimeSpan.Zero, nameof(SoftLoadTimeout), SoftLoadTimeout, "null or a positive time");
        Require(LoadTimeout > TimeSpan.Zero && LoadTimeout <= TimeSpan.FromDays(1), nameof(LoadTimeout), LoadTimeout, "a positive time of at most one day");
        Require(MaxConcurrentLoads > 0, nameof(MaxConcurrentLoads), MaxConcurrentLoads, "at least 1");
        Require(LoadQueueTimeout >= TimeSpan.Zero && LoadQueueTimeout <= TimeSpan.FromDays(1), nameof(LoadQueueTimeout), LoadQueueTimeout, "from zero to one day");
        Require(EarlyRefresh is >= 0 and <= 10, nameof(EarlyRefresh), EarlyRefresh, "from 0 (off) to 10");
        Require(Jitter is >= 0 and <= 0.5, nameof(Jitter), Jitter, "from 0 to 0.5");
        Require(MaxPayloadBytes > 0, nameof(MaxPayloadBytes), MaxPayloadBytes, "at least 1 byte");
        Require(LocalSizeLimit >= 0, nameof(LocalSizeLimit), LocalSizeLimit, "zero or more bytes");
        Guard.Validate();
        return this;
    }

    internal static void Require(bool holds, string name, object? value, string remedy)
    {
        if (!holds)
        {
            throw new ArgumentOutOfRangeException(name, value, $"{name} must be {remedy}.");
        }
    }
}
