using Polly;
using Scaling.Resilience.Internal;

namespace Scaling.Resilience;

public static partial class ResilienceBuilderExtensions
{
    /// <summary>
    /// Stops calling a dependency that fails, and lets it be called again once it has really answered.
    /// A call turned away ends with Polly's <see cref="Polly.CircuitBreaker.BrokenCircuitException"/>.
    /// </summary>
    /// <remarks>
    /// Against Polly's own breaker: a cancelled call is neither success nor failure; several probes; an answer to a call from before
    /// the outage changes nothing; a probe that hangs is replaced; the wall clock has no say.
    /// </remarks>
    /// <typeparam name="TBuilder">The kind of builder.</typeparam>
    /// <param name="builder">The pipeline under construction. Put this strategy inside the retries.</param>
    /// <param name="options">From <see cref="CircuitBreakerPresets"/>.</param>
    /// <returns>The same builder.</returns>
    public static TBuilder AddCircuitBreaker<TBuilder>(this TBuilder builder, ProbingCircuitBreakerOptions options)
        where TBuilder : ResiliencePipelineBuilderBase
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        return Builder.Add(builder, c => new CircuitBreaker(options, c.TimeProvider, c.Telemetry), options);
    }
}
