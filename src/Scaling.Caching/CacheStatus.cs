namespace Scaling.Caching;

/// <summary>Where a value came from.</summary>
public enum CacheStatus
{
    /// <summary>The cache had nothing usable; the value was loaded.</summary>
    Miss,

    /// <summary>From this node's memory (L1).</summary>
    HitLocal,

    /// <summary>From the shared cache (L2).</summary>
    HitDistributed,

    /// <summary>Expired, but served because loading failed, timed out, is slow, or was shed.</summary>
    Stale,

    /// <summary>L2 could not be asked (guard open, call failed, or the caller said so); the value was loaded.</summary>
    Bypass,

    /// <summary>No value: the load was refused, see <see cref="CacheLoadShedException"/>.</summary>
    Shed,
}

/// <summary>The words for a <see cref="CacheStatus"/>.</summary>
public static class CacheStatusExtensions
{
    /// <summary>The value of an <c>x-cache</c> header: HIT, MISS, STALE, BYPASS or SHED.</summary>
    public static string ToHeaderValue(this CacheStatus status) => status switch
    {
        CacheStatus.HitLocal or CacheStatus.HitDistributed => "HIT",
        CacheStatus.Stale => "STALE",
        CacheStatus.Bypass => "BYPASS",
        CacheStatus.Shed => "SHED",
        _ => "MISS",
    };
}
