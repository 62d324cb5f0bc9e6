using Polly;
using Scaling.Resilience.Internal;

namespace Scaling.Resilience;

public static partial class ResilienceBuilderExtensions
{
    /// <summary>
    /// Holds back calls at the client in proportion to how many the server refuses. A call held back ends with <see cref="ThrottledException"/>.
    /// A server that accepts its calls is never held back from.
    /// </summary>
    /// <remarks>Source: Beyer et al., Site Reliability Engineering, 2016, chapter "Handling Overload", client-side throttling.</remarks>
    /// <typeparam name="TBuilder">The kind of builder.</typeparam>
    /// <param name="builder">The pipeline under construction. Put this strategy inside the retries.</param>
    /// <param name="options">Factor and window; the defaults if null.</param>
    /// <returns>The same builder.</returns>
    public static TBuilder AddAdaptiveThrottle<TBuilder>(this TBuilder builder, AdaptiveThrottleOptions? options = null)
        where TBuilder : ResiliencePipelineBuilderBase
    {
        options ??= new AdaptiveThrottleOptions();
        options.Validate();
        return Builder.Add(builder, c => new AdaptiveThrottleStrategy(options, c.TimeProvider, c.Telemetry), options);
    }
}
