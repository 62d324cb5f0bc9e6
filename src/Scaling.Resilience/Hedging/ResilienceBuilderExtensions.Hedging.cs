using System.Diagnostics.CodeAnalysis;
using Polly;
using Polly.Hedging;
using Scaling.Resilience.Internal;

namespace Scaling.Resilience;

public static partial class ResilienceBuilderExtensions
{
    /// <summary>
    /// Polly's hedging, with a delay that follows the dependency's own latency. Until that is known, the delay of <paramref name="options"/> holds.
    /// </summary>
    /// <typeparam name="TResult">The result of the calls.</typeparam>
    /// <param name="builder">The pipeline under construction.</param>
    /// <param name="options">Polly's options; put them under a budget with <c>WithBudget</c>, or hedges pile onto a dependency that is slow as a whole.</param>
    /// <param name="delay">The delay, shared by all pipelines to the dependency.</param>
    /// <returns>The same builder.</returns>
    public static ResiliencePipelineBuilder<TResult> AddHedging<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.All)] TResult>(
        this ResiliencePipelineBuilder<TResult> builder, HedgingStrategyOptions<TResult> options, HedgingDelay delay)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(delay);
        TimeSpan untilKnown = options.Delay;
        options.DelayGenerator = _ => new(delay.Current ?? untilKnown);
        return Builder.Add(builder.AddHedging(options), _ => new LatencyStrategy(delay), new NamedOptions("HedgingLatency"));
    }
}
