using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Scaling.Batching;
using Scaling.Batching.Internal;

#pragma warning disable RS0026 // the overloads differ by their type parameters; no call can mean two of them

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers batchers as singletons that are drained when the host stops.</summary>
/// <remarks>
/// The drain comes after every hosted service, web server included, has stopped, so requests in flight still get their answers; its
/// deadline is the host's shutdown timeout. Meter and logger come from the container. Options are validated at start.
/// </remarks>
public static class WriteBatcherServiceCollectionExtensions
{
    /// <summary>Adds a <see cref="WriteBatcher{TItem, TResult}"/>.</summary>
    /// <typeparam name="TItem">What is written.</typeparam>
    /// <typeparam name="TResult">What the store answers for each item.</typeparam>
    /// <param name="services">The services.</param>
    /// <param name="write">Writes a list of items; gets the root service provider.</param>
    /// <param name="configure">Sets the options.</param>
    public static IServiceCollection AddWriteBatcher<TItem, TResult>(
        this IServiceCollection services,
        Func<IServiceProvider, IReadOnlyList<TItem>, CancellationToken, Task<IReadOnlyList<TResult>>> write,
        Action<WriteBatcherOptions<TItem>>? configure = null) =>
        Add(services, null, (provider, options) => new WriteBatcher<TItem, TResult>((items, ct) => write(provider, items, ct), options, provider.GetService<TimeProvider>()),
            static batcher => batcher.StopAsync, configure);

    /// <summary>Adds a <see cref="WriteBatcher{TItem}"/>.</summary>
    /// <typeparam name="TItem">What is written.</typeparam>
    /// <param name="services">The services.</param>
    /// <param name="write">Writes a list of items; gets the root service provider.</param>
    /// <param name="configure">Sets the options.</param>
    public static IServiceCollection AddWriteBatcher<TItem>(
        this IServiceCollection services,
        Func<IServiceProvider, IReadOnlyList<TItem>, CancellationToken, Task> write,
        Action<WriteBatcherOptions<TItem>>? configure = null) =>
        Add(services, null, (provider, options) => new WriteBatcher<TItem>((items, ct) => write(provider, items, ct), options, provider.GetService<TimeProvider>()),
            static batcher => batcher.StopAsync, configure);

    /// <summary>Adds a keyed <see cref="WriteBatcher{TItem, TResult}"/>, for example one per shard.</summary>
    /// <typeparam name="TItem">What is written.</typeparam>
    /// <typeparam name="TResult">What the store answers for each item.</typeparam>
    /// <param name="services">The services.</param>
    /// <param name="key">The service key; its text also names the options.</param>
    /// <param name="write">Writes a list of items; gets the root service provider.</param>
    /// <param name="configure">Sets the options.</param>
    public static IServiceCollection AddKeyedWriteBatcher<TItem, TResult>(
        this IServiceCollection services,
        object key,
        Func<IServiceProvider, IReadOnlyList<TItem>, CancellationToken, Task<IReadOnlyList<TResult>>> write,
        Action<WriteBatcherOptions<TItem>>? configure = null) =>
        Add(services, key, (provider, options) => new WriteBatcher<TItem, TResult>((items, ct) => write(provider, items, ct), options, provider.GetService<TimeProvider>()),
            static batcher => batcher.StopAsync, configure);

    /// <summary>Adds a keyed <see cref="WriteBatcher{TItem}"/>, for example one per shard.</summary>
    /// <typeparam name="TItem">What is written.</typeparam>
    /// <param name="services">The services.</param>
    /// <param name="key">The service key; its text also names the options.</param>
    /// <param name="write">Writes a list of items; gets the root service provider.</param>
    /// <param name="configure">Sets the options.</param>
    public static IServiceCollection AddKeyedWriteBatcher<TItem>(
        this IServiceCollection services,
        object key,
        Func<IServiceProvider, IReadOnlyList<TItem>, CancellationToken, Task> write,
        Action<WriteBatcherOptions<TItem>>? configure = null) =>
        Add(services, key, (provider, options) => new WriteBatcher<TItem>((items, ct) => write(provider, items, ct), options, provider.GetService<TimeProvider>()),
            static batcher => batcher.StopAsync, configure);

    private static IServiceCollection Add<TItem, TBatcher>(
        IServiceCollection services,
        object? key,
        Func<IServiceProvider, WriteBatcherOptions<TItem>, TBatcher> create,
        Func<TBatcher, Func<CancellationToken, Task>> stop,
        Action<WriteBatcherOptions<TItem>>? configure)
        where TBatcher : class
    {
        ArgumentNullException.ThrowIfNull(services);
        string name = key?.ToString() ?? Options.Options.DefaultName;
        services.AddOptions<WriteBatcherOptions<TItem>>(name)
            .Configure<IServiceProvider>((options, provider) =>
            {
                options.MeterFactory = provider.GetService<IMeterFactory>();
                options.LoggerFactory = provider.GetService<ILoggerFactory>();
                options.Name = key is null ? null : $"{typeof(TItem).Name}:{name}";
                configure?.Invoke(options);
            })
            .ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<WriteBatcherOptions<TItem>>, WriteBatcherOptionsValidator<TItem>>());

        // A null key is no key: the plain service.
        services.AddKeyedSingleton(key, (provider, _) => create(provider, provider.GetRequiredService<IOptionsMonitor<WriteBatcherOptions<TItem>>>().Get(name)));
        return services.AddSingleton<IHostedService>(provider => new DrainAtHostStop(stop(provider.GetRequiredKeyedService<TBatcher>(key))));
    }
}
