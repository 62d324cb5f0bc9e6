using Microsoft.Extensions.Caching.Distributed;
using Scaling.Caching.Internal;
using StackExchange.Redis;

namespace Scaling.Caching;

/// <summary>The L2 of a <see cref="CacheAside"/>.</summary>
public sealed class CacheBackend
{
    private readonly Func<CacheAsideOptions, TimeProvider, IStore?> _create;

    private CacheBackend(Func<CacheAsideOptions, TimeProvider, IStore?> create) => _create = create;

    /// <summary>No L2: a cache of this process alone.</summary>
    public static CacheBackend None { get; } = new(static (_, _) => null);

    /// <summary>A Redis or a Redis Cluster (7 or later is tested), with leases, tags and the invalidation bus. It may be down when the program starts.</summary>
    /// <param name="configuration">As StackExchange.Redis takes it, for example <c>localhost:6379</c>.</param>
    public static CacheBackend Redis(string configuration)
    {
        ArgumentException.ThrowIfNullOrEmpty(configuration);
        return Redis(ConfigurationOptions.Parse(configuration));
    }

    /// <inheritdoc cref="Redis(string)" path="/summary"/>
    /// <param name="configuration">Copied; <c>AbortOnConnectFail</c> is always off, and with the guard on the backlog policy is fail-fast.</param>
    public static CacheBackend Redis(ConfigurationOptions configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return new((options, _) => new RedisStore(configuration, options));
    }

    /// <summary>
    /// Any <see cref="IDistributedCache"/>. It has no bus and no atomic writes: other nodes learn of an invalidated key when their own copy's
    /// <see cref="CacheAsideOptions.LocalExpiration"/> ends, and of a tag a second later; a stale set is prevented within this node and, but for a
    /// window of one round trip, between nodes.
    /// </summary>
    /// <param name="cache">Stays the caller's to dispose. <see cref="IBufferDistributedCache"/> is used without copying.</param>
    public static CacheBackend Distributed(IDistributedCache cache)
    {
        ArgumentNullException.ThrowIfNull(cache);
        return new((options, time) => new DistributedStore(cache, options, time));
    }

    internal IStore? CreateStore(CacheAsideOptions options, TimeProvider time) => _create(options, time);
}
