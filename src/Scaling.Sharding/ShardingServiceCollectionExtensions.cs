using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using Scaling.Sharding;
using Scaling.Sharding.Internal;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Wiring for <see cref="ShardSet{T}"/>.</summary>
public static class ShardingServiceCollectionExtensions
{
    /// <summary>Adds one <see cref="ShardSet{T}"/> as a singleton; the container disposes it with its resources.</summary>
    /// <param name="services">The services.</param>
    /// <param name="map">The first map, such as one read from configuration.</param>
    /// <param name="create">Makes the resource for a shard name.</param>
    /// <param name="configure">Changes the options; null for the defaults.</param>
    /// <typeparam name="T">The resource of a shard.</typeparam>
    /// <returns>The same services.</returns>
    public static IServiceCollection AddShardSet<T>(
        this IServiceCollection services,
        Func<IServiceProvider, IShardMap> map,
        Func<IServiceProvider, string, T> create,
        Action<ShardSetOptions>? configure = null)
        where T : class
    {
        AddOptions<T>(services, Options.Options.DefaultName, map, create, configure);
        return services.AddSingleton(provider => Create(provider, Options.Options.DefaultName, map, create));
    }

    /// <summary>Adds a <see cref="ShardSet{T}"/> under a name, for a process that has several: ask for it with <c>[FromKeyedServices(name)]</c>.</summary>
    /// <param name="services">The services.</param>
    /// <param name="name">The service key, and the name of its options.</param>
    /// <param name="map">The first map.</param>
    /// <param name="create">Makes the resource for a shard name.</param>
    /// <param name="configure">Changes the options; null for the defaults.</param>
    /// <typeparam name="T">The resource of a shard.</typeparam>
    /// <returns>The same services.</returns>
    public static IServiceCollection AddKeyedShardSet<T>(
        this IServiceCollection services,
        string name,
        Func<IServiceProvider, IShardMap> map,
        Func<IServiceProvider, string, T> create,
        Action<ShardSetOptions>? configure = null)
        where T : class
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        AddOptions<T>(services, name, map, create, configure);
        return services.AddKeyedSingleton(name, (provider, _) => Create(provider, name, map, create));
    }

    /// <summary>Adds a health check that probes every shard: healthy if all answer, degraded if some do, with each shard's state in its data. It informs; it never changes a route.</summary>
    /// <param name="builder">The health checks.</param>
    /// <param name="probe">Throws if a shard is not well, for example by running SELECT 1.</param>
    /// <param name="name">The name of the check, "shards" by default.</param>
    /// <param name="shardSet">The name given to <see cref="AddKeyedShardSet{T}"/>; null for the unnamed set.</param>
    /// <typeparam name="T">The resource of a shard.</typeparam>
    /// <returns>The same health checks.</returns>
    public static IHealthChecksBuilder AddShards<T>(
        this IHealthChecksBuilder builder,
        Func<T, CancellationToken, Task> probe,
        string name = "shards",
        string? shardSet = null)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(probe);
        return builder.Add(new HealthCheckRegistration(
            name,
            provider => new ShardHealthCheck<T>(
                shardSet is null ? provider.GetRequiredService<ShardSet<T>>() : provider.GetRequiredKeyedService<ShardSet<T>>(shardSet), probe),
            failureStatus: null,
            tags: null));
    }

    private static void AddOptions<T>(
        IServiceCollection services, string name, Func<IServiceProvider, IShardMap> map, Func<IServiceProvider, string, T> create, Action<ShardSetOptions>? configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(map);
        ArgumentNullException.ThrowIfNull(create);
        OptionsBuilder<ShardSetOptions> builder = services.AddOptions<ShardSetOptions>(name);
        if (configure is not null)
        {
            builder.Configure(configure);
        }

        builder.Services.AddSingleton<IValidateOptions<ShardSetOptions>>(new ValidateShardSetOptions(name));
        builder.ValidateOnStart();
    }

    private static ShardSet<T> Create<T>(IServiceProvider provider, string name, Func<IServiceProvider, IShardMap> map, Func<IServiceProvider, string, T> create)
        where T : class =>
        new(
            map(provider),
            shard => create(provider, shard),
            provider.GetRequiredService<IOptionsMonitor<ShardSetOptions>>().Get(name),
            provider.GetService<TimeProvider>());

    private sealed class ValidateShardSetOptions(string name) : IValidateOptions<ShardSetOptions>
    {
        public ValidateOptionsResult Validate(string? optionsName, ShardSetOptions options)
        {
            if (optionsName != name)
            {
                return ValidateOptionsResult.Skip;
            }

            try
            {
                options.Validate();
                return ValidateOptionsResult.Success;
            }
            catch (ArgumentException exception)
            {
                return ValidateOptionsResult.Fail(exception.Message);
            }
        }
    }
}
