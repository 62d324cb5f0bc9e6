using System.Diagnostics.Metrics;
using System.Text.Json.Serialization.Metadata;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Scaling.Batching;
using Scaling.Batching.Redis;
using Scaling.Batching.Redis.Internal;
using StackExchange.Redis;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers durable write queues as singletons, with a drain that runs for as long as the host does.</summary>
/// <remarks>
/// The connection is the container's <see cref="IConnectionMultiplexer"/>; meter and logger come from the container too. Options are
/// validated at start, and a server without streams fails the start; one that cannot be reached is waited for.
/// </remarks>
public static class RedisStreamWriteQueueServiceCollectionExtensions
{
    /// <summary>Adds a <see cref="RedisStreamWriteQueue{T}"/>.</summary>
    /// <typeparam name="T">What is written.</typeparam>
    /// <param name="services">The services.</param>
    /// <param name="name">The queue's name.</param>
    /// <param name="json">How an item is serialized, from a source-generated context.</param>
    /// <param name="write">
    /// Writes a list of items; gets the root service provider. It is put behind a <see cref="WriteBatcher{TItem}"/> of the container, whose
    /// options <c>Configure&lt;WriteBatcherOptions&lt;QueuedWrite&lt;T&gt;&gt;&gt;</c> sets. Null in a process that only enqueues.
    /// </param>
    /// <param name="configure">Sets the options.</param>
    public static IServiceCollection AddRedisStreamWriteQueue<T>(
        this IServiceCollection services,
        string name,
        JsonTypeInfo<T> json,
        Func<IServiceProvider, IReadOnlyList<QueuedWrite<T>>, CancellationToken, Task>? write = null,
        Action<RedisStreamWriteQueueOptions>? configure = null)
    {
        if (write is not null)
        {
            services.AddWriteBatcher(write);
        }

        return Add(services, null, name, json, write is not null, configure);
    }

    /// <summary>Adds a <see cref="RedisStreamWriteQueue{T}"/> whose service key is its name, for several queues of one type.</summary>
    /// <typeparam name="T">What is written.</typeparam>
    /// <param name="services">The services.</param>
    /// <param name="name">The queue's name, and its service key.</param>
    /// <param name="json">How an item is serialized, from a source-generated context.</param>
    /// <param name="write">Writes a list of items, behind a keyed <see cref="WriteBatcher{TItem}"/>. Null in a process that only enqueues.</param>
    /// <param name="configure">Sets the options.</param>
    public static IServiceCollection AddKeyedRedisStreamWriteQueue<T>(
        this IServiceCollection services,
        string name,
        JsonTypeInfo<T> json,
        Func<IServiceProvider, IReadOnlyList<QueuedWrite<T>>, CancellationToken, Task>? write = null,
        Action<RedisStreamWriteQueueOptions>? configure = null)
    {
        if (write is not null)
        {
            services.AddKeyedWriteBatcher(name, write);
        }

        return Add(services, name, name, json, write is not null, configure);
    }

    private static IServiceCollection Add<T>(
        IServiceCollection services, object? key, string name, JsonTypeInfo<T> json, bool drains, Action<RedisStreamWriteQueueOptions>? configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        AddOptions(services, name, configure);
        services.AddKeyedSingleton(key, (provider, _) => Create(provider, name, json)); // a null key is no key
        return services.AddSingleton<IHostedService>(provider => new QueueDrainService<T>(
            provider.GetRequiredKeyedService<RedisStreamWriteQueue<T>>(key),
            drains ? provider.GetRequiredKeyedService<WriteBatcher<QueuedWrite<T>>>(key) : null));
    }

    private static void AddOptions(IServiceCollection services, string name, Action<RedisStreamWriteQueueOptions>? configure)
    {
        services.AddOptions<RedisStreamWriteQueueOptions>(name)
            .Configure<IServiceProvider>((options, provider) =>
            {
                options.MeterFactory = provider.GetService<IMeterFactory>();
                options.LoggerFactory = provider.GetService<ILoggerFactory>();
                configure?.Invoke(options);
            })
            .ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<RedisStreamWriteQueueOptions>, RedisStreamWriteQueueOptionsValidator>());
    }

    private static RedisStreamWriteQueue<T> Create<T>(IServiceProvider provider, string name, JsonTypeInfo<T> json) => new(
        provider.GetRequiredService<IConnectionMultiplexer>(),
        name,
        json,
        provider.GetRequiredService<IOptionsMonitor<RedisStreamWriteQueueOptions>>().Get(name),
        provider.GetService<TimeProvider>());
}
