namespace Scaling.Caching;

/// <summary>
/// Too many loads are running and no stale value is at hand: the call was refused to protect the source (<see cref="CacheStatus.Shed"/>).
/// Answer 503 and let the client come back.
/// </summary>
public sealed class CacheLoadShedException : Exception
{
    internal CacheLoadShedException(int maxConcurrentLoads)
        : base($"All {maxConcurrentLoads} concurrent loads are taken; raise CacheAsideOptions.MaxConcurrentLoads only if the source can bear it.")
    {
    }
}
