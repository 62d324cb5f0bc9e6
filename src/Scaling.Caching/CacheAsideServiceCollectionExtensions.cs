using System.Text.Json.Serialization;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using Scaling.Caching;
using Scaling.Caching.Internal;
using StackExchange.Redis;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers <see cref="CacheAside"/>.</summary>
public static class CacheAsideServiceCollectionExtensions
{
    /// <summary>
    /// Registers a <see cref="CacheAside"/>, also as the <see cref="HybridCache"/>. L2 is what <c>AddRedis</c> says, else a registered
    /// <see cref="IDistributedCache"/> (guarded too), else none.
    /// </summary>
    public static CacheAsideBuilder AddCacheAside(this IServiceCollection services, Action<CacheAsideOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        AddShared(services, Options.Options.DefaultName, configure);
        services.TryAddSingleton(static provider => Create(provider, Options.Options.DefaultName, provider.GetService<CacheBackend>()));
        services.Replace(ServiceDescriptor.Singleton<HybridCache>(static provider => provider.GetRequiredService<CacheAside>()));
        services.AddHostedService(static provider => new CacheStarter(provider.GetRequiredService<CacheAside>()));
        return new CacheAsideBuilder(services, key: null);
    }

    /// <summary>
    /// Registers a further <see cref="CacheAside"/> under a key, also as a keyed <see cref="HybridCache"/>. Its keys in L2 start with the service key,
    /// unless <see cref="CacheAsideOptions.KeyPrefix"/> says otherwise; L2 is what <c>AddRedis</c> says on this builder, else a keyed
    /// <see cref="IDistributedCache"/>, else none.
    /// </summary>
    public static CacheAsideBuilder AddKeyedCacheAside(this IServiceCollection services, string serviceKey, Action<CacheAsideOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentException.ThrowIfNullOrEmpty(serviceKey);
        services.Configure<CacheAsideOptions>(serviceKey, options => options.KeyPrefix = serviceKey + ":");
        AddShared(services, serviceKey, configure);
        services.TryAddKeyedSingleton(serviceKey, static (provider, key) => Create(provider, (string)key!, provider.GetKeyedService<CacheBackend>(key)));
        services.TryAddKeyedSingleton<HybridCache>(serviceKey, static (provider, key) => provider.GetRequiredKeyedService<CacheAside>(key));
        services.AddSingleton<Hosting.IHostedService>(provider => new CacheStarter(provider.GetRequiredKeyedService<CacheAside>(serviceKey)));
        return new CacheAsideBuilder(services, serviceKey);
    }

    /// <summary>Makes a Redis or Redis Cluster the L2. It may be down when the program starts.</summary>
    /// <param name="builder">The cache.</param>
    /// <param name="configuration">As StackExchange.Redis takes it, for example <c>localhost:6379</c>.</param>
    public static CacheAsideBuilder AddRedis(this CacheAsideBuilder builder, string configuration) => AddBackend(builder, CacheBackend.Redis(configuration));

    /// <inheritdoc cref="AddRedis(CacheAsideBuilder, string)"/>
    public static CacheAsideBuilder AddRedis(this CacheAsideBuilder builder, ConfigurationOptions configuration) => AddBackend(builder, CacheBackend.Redis(configuration));

    /// <summary>
    /// Serializes the types that the source-generated context knows with it: without reflection, as trimmed and native programs need it. Other types keep
    /// HybridCache's serializers; <c>AddSerializer</c> and <c>AddSerializerFactory</c> work too.
    /// </summary>
    public static CacheAsideBuilder AddJson(this CacheAsideBuilder builder, JsonSerializerContext context)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.AddSerializerFactory(new JsonContextSerializers(context));
        return builder;
    }

    /// <summary>Adds a health check: Degraded while L2 is away or the other nodes are not heard, never Unhealthy.</summary>
    /// <param name="builder">The cache.</param>
    /// <param name="name">The check's name.</param>
    public static CacheAsideBuilder AddHealthCheck(this CacheAsideBuilder builder, string name = "cache")
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddHealthChecks().Add(new HealthCheckRegistration(
            name,
            provider => new CacheHealthCheck(builder.Key is null ? provider.GetRequiredService<CacheAside>() : provider.GetRequiredKeyedService<CacheAside>(builder.Key)),
            failureStatus: null,
            tags: null));
        return builder;
    }

    private static CacheAsideBuilder AddBackend(CacheAsideBuilder builder, CacheBackend backend)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.Add(builder.Key is null ? ServiceDescriptor.Singleton(backend) : ServiceDescriptor.KeyedSingleton(builder.Key, backend));
        return builder;
    }

    private static void AddShared(IServiceCollection services, string name, Action<CacheAsideOptions>? configure)
    {
        services.AddHybridCache();      // for its serializers
        services.AddOptions<CacheAsideOptions>(name).Validate(static options => options.Validate() is not null).ValidateOnStart();
        if (configure is not null)
        {
            services.Configure(name, configure);
        }
    }

    private static CacheAside Create(IServiceProvider provider, string name, CacheBackend? backend)
    {
        if (backend is null)
        {
            IDistributedCache? distributed = name.Length == 0 ? provider.GetService<IDistributedCache>() : provider.GetKeyedService<IDistributedCache>(name);
            backend = distributed is null or MemoryDistributedCache ? CacheBackend.None : CacheBackend.Distributed(distributed);
        }

        return new CacheAside(backend, provider.GetRequiredService<IOptionsMonitor<CacheAsideOptions>>().Get(name), provider.GetService<TimeProvider>(), provider);
    }
}
