namespace Scaling.Caching;

/// <summary>
/// Too many loads are running and no stale value is at hand: the call was refused to protect the source. Answer 503 and let the client come back.
/// </summary>
public sealed class CacheLoadShedException : Exception
{
    /// <summary>Says how many loads were running.</summary>
    public CacheLoadShedException(int maxConcurrentLoads)
        : base($"All {maxConcurrentLoads} concurrent loads are taken; raise CacheAsideOptions.MaxConcurrentLoads only if the source can bear it.")
        => MaxConcurrentLoads = maxConcurrentLoads;

    /// <summary>The bound that was reached.</summary>
    public int MaxConcurrentLoads { get; }

    /// <summary>Always <see cref="CacheStatus.Shed"/>, for headers.</summary>
    public CacheStatus Status { get; } = CacheStatus.Shed;
}
