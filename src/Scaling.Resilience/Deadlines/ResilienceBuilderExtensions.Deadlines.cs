using Polly;
using Polly.Timeout;
using Scaling.Resilience.Internal;

namespace Scaling.Resilience;

public static partial class ResilienceBuilderExtensions
{
    /// <summary>
    /// Keeps to <see cref="Deadline.Current"/>: a call that would start after it ends with <see cref="DeadlineExceededException"/>, one that
    /// runs into it is cancelled and ends with Polly's <see cref="TimeoutRejectedException"/>. Without a deadline it does nothing.
    /// </summary>
    /// <typeparam name="TBuilder">The kind of builder.</typeparam>
    /// <param name="builder">The pipeline under construction. Put it outside the retries, and again inside to spare late attempts.</param>
    /// <param name="minimum">Do not start with less than this left. Default 0.</param>
    /// <returns>The same builder.</returns>
    public static TBuilder AddDeadline<TBuilder>(this TBuilder builder, TimeSpan minimum = default)
        where TBuilder : ResiliencePipelineBuilderBase
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(minimum, TimeSpan.Zero);
        return Builder.Add(builder, c => new DeadlineStrategy(minimum, c.Telemetry), new NamedOptions("Deadline"))
            .AddTimeout(new TimeoutStrategyOptions
            {
                Name = "Deadline",
                TimeoutGenerator = static _ => new(Deadline.Current?.Remaining is { } left && left < TimeSpan.FromDays(1) ? left : Timeout.InfiniteTimeSpan),
            });
    }
}
