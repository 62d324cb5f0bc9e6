using Polly;
using Polly.Telemetry;
using Scaling.Resilience.Internal;

namespace Scaling.Resilience;

/// <summary>Does not start what nobody waits for. Ending what runs into the deadline is left to Polly's timeout, just inside.</summary>
internal sealed class DeadlineStrategy(TimeSpan minimum, ResilienceStrategyTelemetry telemetry) : ResilienceStrategy
{
    protected override ValueTask<Outcome<TResult>> ExecuteCore<TResult, TState>(
        Func<ResilienceContext, TState, ValueTask<Outcome<TResult>>> callback, ResilienceContext context, TState state)
    {
        if (Deadline.Current?.Remaining is not { } remaining || remaining > minimum)
        {
            return callback(context, state);
        }

        ResilienceMetrics.Rejected("deadline", null, "deadline");
        var exception = new DeadlineExceededException(remaining, minimum);
        telemetry.SetTelemetrySource(exception);
        return new(Outcome.FromException<TResult>(exception));
    }
}
