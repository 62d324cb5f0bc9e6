using Polly;
using Scaling.Resilience.Internal;

namespace Scaling.Resilience;

public static partial class ResilienceBuilderExtensions
{
    /// <summary>
    /// A timeout that holds even around code that ignores its token: the token is cancelled, and if the call does not end then, the caller goes
    /// on without it with Polly's <see cref="Polly.Timeout.TimeoutRejectedException"/>. Also the caller's own cancellation is kept to.
    /// </summary>
    /// <remarks>
    /// The abandoned call still runs: its late failure is swallowed, its late result disposed, and the gauge
    /// <c>scaling.resilience.abandoned</c> counts it. Put this strategy last, so that only your code is abandoned and no strategy; that code must
    /// not use the <see cref="ResilienceContext"/> after its token is cancelled. Code that blocks before its first await cannot be abandoned.
    /// </remarks>
    /// <typeparam name="TBuilder">The kind of builder.</typeparam>
    /// <param name="builder">The pipeline under construction.</param>
    /// <param name="timeout">How long the caller waits; 10 ms to 1 day.</param>
    /// <returns>The same builder.</returns>
    public static TBuilder AddHardTimeout<TBuilder>(this TBuilder builder, TimeSpan timeout)
        where TBuilder : ResiliencePipelineBuilderBase =>
        Builder.Add(builder.AddTimeout(timeout), static _ => new AbandonStrategy(), new NamedOptions("HardTimeout"));
}
