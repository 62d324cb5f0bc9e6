namespace Scaling.Caching;

/// <summary>What one call wants otherwise than <see cref="CacheAsideOptions"/> has it; null leaves the cache's own value.</summary>
public sealed record CacheEntryOptions
{
    /// <inheritdoc cref="CacheAsideOptions.Expiration"/>
    public TimeSpan? Expiration { get; init; }

    /// <inheritdoc cref="CacheAsideOptions.LocalExpiration"/>
    public TimeSpan? LocalExpiration { get; init; }

    /// <inheritdoc cref="CacheAsideOptions.NullExpiration"/>
    public TimeSpan? NullExpiration { get; init; }

    /// <inheritdoc cref="CacheAsideOptions.MaxStale"/>
    public TimeSpan? MaxStale { get; init; }
}
