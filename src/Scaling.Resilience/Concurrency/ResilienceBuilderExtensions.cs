using Polly;
using Scaling.Resilience.Internal;

namespace Scaling.Resilience;

/// <summary>Adds the strategies of Scaling.Resilience to Polly's pipelines.</summary>
public static partial class ResilienceBuilderExtensions
{
    /// <summary>
    /// Limits how many calls run at once to what the server behind them can use, found by measuring, and sheds the rest.
    /// A shed call ends with Polly's <see cref="Polly.RateLimiting.RateLimiterRejectedException"/>.
    /// </summary>
    /// <typeparam name="TBuilder">The kind of builder.</typeparam>
    /// <param name="builder">The pipeline under construction. Put this strategy outside the retries.</param>
    /// <returns>The same builder.</returns>
    public static TBuilder AddAdaptiveConcurrency<TBuilder>(this TBuilder builder)
        where TBuilder : ResiliencePipelineBuilderBase =>
        AddAdaptiveConcurrency(builder, new AdaptiveConcurrencyOptions());

    /// <summary>The same with options. A shed call ends with Polly's <see cref="Polly.RateLimiting.RateLimiterRejectedException"/>.</summary>
    /// <typeparam name="TBuilder">The kind of builder.</typeparam>
    /// <param name="builder">The pipeline under construction. Put this strategy outside the retries.</param>
    /// <param name="options">The algorithm and the queue.</param>
    /// <returns>The same builder.</returns>
    public static TBuilder AddAdaptiveConcurrency<TBuilder>(this TBuilder builder, AdaptiveConcurrencyOptions options)
        where TBuilder : ResiliencePipelineBuilderBase
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        return Builder.Add(builder, c => new AdaptiveConcurrencyStrategy(new AdaptiveConcurrencyLimiter(options, c.TimeProvider), ownsLimiter: true, c.Telemetry), options);
    }

    /// <summary>Limits by a limiter that is shared with other pipelines or with middleware; its owner disposes it.</summary>
    /// <typeparam name="TBuilder">The kind of builder.</typeparam>
    /// <param name="builder">The pipeline under construction.</param>
    /// <param name="limiter">The limiter.</param>
    /// <returns>The same builder.</returns>
    public static TBuilder AddAdaptiveConcurrency<TBuilder>(this TBuilder builder, AdaptiveConcurrencyLimiter limiter)
        where TBuilder : ResiliencePipelineBuilderBase
    {
        ArgumentNullException.ThrowIfNull(limiter);
        return Builder.Add(builder, c => new AdaptiveConcurrencyStrategy(limiter, ownsLimiter: false, c.Telemetry), limiter.Options);
    }
}
