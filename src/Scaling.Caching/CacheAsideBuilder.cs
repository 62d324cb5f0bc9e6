using Microsoft.Extensions.Caching.Hybrid;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>What <c>AddCacheAside</c> returns; HybridCache's <c>AddSerializer</c> extensions work on it too.</summary>
public sealed class CacheAsideBuilder : IHybridCacheBuilder
{
    internal CacheAsideBuilder(IServiceCollection services, string? key)
    {
        Services = services;
        Key = key;
    }

    /// <inheritdoc/>
    public IServiceCollection Services { get; }

    internal string? Key { get; }
}
