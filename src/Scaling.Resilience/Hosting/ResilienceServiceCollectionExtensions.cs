using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using Scaling.Resilience;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Wires Scaling.Resilience into a host. Pipelines themselves are added with Polly's own <c>AddResiliencePipeline</c>.</summary>
public static class ResilienceServiceCollectionExtensions
{
    /// <summary>Adds one <see cref="AdaptiveConcurrencyLimiter"/> for the process: the one that guards its endpoints.</summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Sets the options; they are also bound by whoever configures <see cref="AdaptiveConcurrencyOptions"/>.</param>
    /// <returns>The same services.</returns>
    public static IServiceCollection AddAdaptiveConcurrencyLimiter(this IServiceCollection services, Action<AdaptiveConcurrencyOptions>? configure = null)
    {
        Configure(services, Options.Options.DefaultName, configure);
        services.TryAddSingleton(static provider => Create(provider, Options.Options.DefaultName));
        return services;
    }

    /// <summary>Adds a limiter under a key, for a process that wants several.</summary>
    /// <param name="services">The services.</param>
    /// <param name="key">The key of the service, and the name of its options.</param>
    /// <param name="configure">Sets the options.</param>
    /// <returns>The same services.</returns>
    public static IServiceCollection AddKeyedAdaptiveConcurrencyLimiter(this IServiceCollection services, string key, Action<AdaptiveConcurrencyOptions>? configure = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(key);
        Configure(services, key, options =>
        {
            options.Name = key;
            configure?.Invoke(options);
        });
        services.TryAddKeyedSingleton(key, static (provider, key) => Create(provider, (string)key!));
        return services;
    }

    /// <summary>Adds a check of every circuit of the process: degraded while one is not closed. It reads their state and calls nothing.</summary>
    /// <param name="builder">The health checks.</param>
    /// <param name="name">The name of the check. Default <c>circuits</c>.</param>
    /// <param name="failureStatus">Reported while a circuit is not closed. Default degraded: the process itself is well.</param>
    /// <returns>The same builder.</returns>
    public static IHealthChecksBuilder AddCircuits(this IHealthChecksBuilder builder, string name = "circuits", HealthStatus failureStatus = HealthStatus.Degraded)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.Add(new HealthCheckRegistration(name, static _ => new CircuitHealthCheck(), failureStatus, tags: null));
    }

    private static void Configure(IServiceCollection services, string name, Action<AdaptiveConcurrencyOptions>? configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<AdaptiveConcurrencyOptions>, Validator>());
        OptionsBuilder<AdaptiveConcurrencyOptions> options = services.AddOptions<AdaptiveConcurrencyOptions>(name).ValidateOnStart();
        if (configure is not null)
        {
            options.Configure(configure);
        }
    }

    private static AdaptiveConcurrencyLimiter Create(IServiceProvider provider, string name) =>
        new(provider.GetRequiredService<IOptionsMonitor<AdaptiveConcurrencyOptions>>().Get(name), provider.GetService<TimeProvider>());

    private sealed class Validator : IValidateOptions<AdaptiveConcurrencyOptions>
    {
        public ValidateOptionsResult Validate(string? name, AdaptiveConcurrencyOptions options)
        {
            try
            {
                options.Validate();
                return ValidateOptionsResult.Success;
            }
            catch (ArgumentException error)
            {
                return ValidateOptionsResult.Fail(error.Message);
            }
        }
    }
}
