using System.ComponentModel;
using System.Text.Json;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.Caching.StackExchangeRedis;
using Microsoft.Extensions.DependencyInjection;
using Scaling.Caching;
using ZiggyCreatures.Caching.Fusion;
using ZiggyCreatures.Caching.Fusion.Serialization;

namespace Scaling.Benchmarks;

/// <summary>The peers as their own documentation sets them up, over the same Redis.</summary>
internal sealed class CachingPeers : IAsyncDisposable
{
    public static readonly TimeSpan Life = TimeSpan.FromMinutes(30);

    private readonly ServiceProvider _hybridServices;

    /// <param name="redis">Where L2 is; null for none.</param>
    public CachingPeers(string? redis)
    {
        var services = new ServiceCollection();
        if (redis is not null)
        {
            services.AddStackExchangeRedisCache(options => (options.Configuration, options.InstanceName) = (redis, "hybrid:"));
        }

        services.AddHybridCache(options => options.DefaultEntryOptions = new HybridCacheEntryOptions { Expiration = Life, LocalCacheExpiration = Life });
        _hybridServices = services.BuildServiceProvider();
        Hybrid = _hybridServices.GetRequiredService<HybridCache>();

        Fusion = NewFusion(redis, "fusion:", new FusionCacheOptions(), new FusionCacheEntryOptions(Life));
        FusionGuarded = NewFusion(
            redis,
            "guarded:",
            new FusionCacheOptions { DistributedCacheCircuitBreakerDuration = TimeSpan.FromSeconds(30) },
            new FusionCacheEntryOptions(Life)
            {
                DistributedCacheSoftTimeout = TimeSpan.FromMilliseconds(250),
                DistributedCacheHardTimeout = TimeSpan.FromMilliseconds(250),
                AllowBackgroundDistributedCacheOperations = true,
            });

        Ours = new CacheAside(
            redis is null ? CacheBackend.None : CacheBackend.Redis(redis), new CacheAsideOptions { Expiration = Life, KeyPrefix = "ours:" });
    }

    public HybridCache Hybrid { get; }

    public FusionCache Fusion { get; }

    /// <summary>With the timeouts, background writes and circuit breaker that its documentation offers for a slow or dead L2; all are off by default.</summary>
    public FusionCache FusionGuarded { get; }

    public CacheAside Ours { get; }

    public async ValueTask DisposeAsync()
    {
        await Ours.DisposeAsync();
        Fusion.Dispose();
        FusionGuarded.Dispose();
        await _hybridServices.DisposeAsync();
    }

    private static FusionCache NewFusion(string? redis, string prefix, FusionCacheOptions options, FusionCacheEntryOptions entry)
    {
        options.DefaultEntryOptions = entry;
        var cache = new FusionCache(options);
        if (redis is not null)
        {
            cache.SetupDistributedCache(new RedisCache(new RedisCacheOptions { Configuration = redis, InstanceName = prefix }), new FusionJson());
        }

        return cache;
    }

    private sealed class FusionJson : IFusionCacheSerializer
    {
        public byte[] Serialize<T>(T? obj) => JsonSerializer.SerializeToUtf8Bytes(obj);

        public T? Deserialize<T>(byte[] data) => JsonSerializer.Deserialize<T>(data);

        public ValueTask<byte[]> SerializeAsync<T>(T? obj, CancellationToken token = default) => new(Serialize(obj));

        public ValueTask<T?> DeserializeAsync<T>(byte[] data, CancellationToken token = default) => new(Deserialize<T>(data));
    }
}

/// <summary>Cannot change, and says so: HybridCache and ours hand out the same object to everybody.</summary>
[ImmutableObject(true)]
public sealed record CachedRecord(long Id, string Name, string Email);

/// <summary>Can change: HybridCache and ours give every caller a copy; the others share one object.</summary>
public sealed class CachedClass
{
    public long Id { get; set; }

    public string Name { get; set; } = "";

    public string Email { get; set; } = "";
}
