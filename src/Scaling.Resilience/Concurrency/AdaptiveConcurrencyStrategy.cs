using Polly;
using Polly.CircuitBreaker;
using Polly.RateLimiting;
using Polly.Telemetry;
using Polly.Timeout;
using Scaling.Resilience.Internal;

namespace Scaling.Resilience;

internal sealed class AdaptiveConcurrencyStrategy(AdaptiveConcurrencyLimiter limiter, bool ownsLimiter, ResilienceStrategyTelemetry telemetry)
    : ResilienceStrategy, IDisposable
{
    public void Dispose()
    {
        if (ownsLimiter)
        {
            limiter.Dispose();
        }
    }

    protected override async ValueTask<Outcome<TResult>> ExecuteCore<TResult, TState>(
        Func<ResilienceContext, TState, ValueTask<Outcome<TResult>>> callback, ResilienceContext context, TState state)
    {
        if (!limiter.TryEnter())
        {
            CallPriority priority = context.Properties.GetValue(CallProperties.Priority, CallPriority.Normal);
            bool granted;
            try
            {
                granted = await limiter.EnterAsync(priority, context.CancellationToken).ConfigureAwait(context.ContinueOnCapturedContext);
            }
            catch (OperationCanceledException cancelled)
            {
                return Outcome.FromException<TResult>(cancelled);
            }

            if (!granted)
            {
                return Outcome.FromException<TResult>(Reject(context));
            }
        }

        TimeSpan entered = limiter.Now;
        Outcome<TResult> outcome;
        try
        {
            outcome = await callback(context, state).ConfigureAwait(context.ContinueOnCapturedContext);
        }
#pragma warning disable CA1031 // an outcome carries any exception; the permit must come back whatever it is
        catch (Exception exception)
#pragma warning restore CA1031 // see above
        {
            outcome = Outcome.FromException<TResult>(exception);
        }

        limiter.Leave(entered, Classify(outcome));
        return outcome;
    }

    private CallOutcome Classify<TResult>(Outcome<TResult> outcome)
    {
        if (limiter.Options.IsOverload is { } predicate && predicate(outcome.AsObject()))
        {
            return CallOutcome.Overload;
        }

        return outcome.Exception switch
        {
            null => CallOutcome.Served,
            OperationCanceledException or BrokenCircuitException or DeadlineExceededException or ThrottledException => CallOutcome.Ignored, // never reached the server, or was not waited for
            TimeoutException or TimeoutRejectedException or RateLimiterRejectedException or { InnerException: TimeoutException } when limiter.Options.IsOverload is null => CallOutcome.Overload,
            _ => CallOutcome.Served,
        };
    }

    private RateLimiterRejectedException Reject(ResilienceContext context)
    {
        ResilienceMetrics.Rejected("adaptive_concurrency", limiter.Name, "limit");
        telemetry.Report(new(ResilienceEventSeverity.Warning, "OnAdaptiveConcurrencyRejected"), context, limiter.Limit);
        var exception = new RateLimiterRejectedException("The call was shed: as many are running as the server can use.", AdaptiveConcurrencyLimiter.RetryAfter);
        telemetry.SetTelemetrySource(exception);
        return exception;
    }
}
