using Polly;
using Polly.CircuitBreaker;
using Polly.RateLimiting;
using Polly.Telemetry;
using Polly.Timeout;
using Scaling.Resilience.Internal;

namespace Scaling.Resilience;

internal sealed class AdaptiveConcurrencyStrategy(AdaptiveConcurrencyLimiter limiter, bool ownsLimiter, ResilienceStrategyTelemetry telemetry)
    : GateStrategy<TimeSpan>(limiter.Options.IsOverload), IDisposable
{
    public void Dispose()
    {
        if (ownsLimiter)
        {
            limiter.Dispose();
        }
    }

    protected override bool TryEnter(out TimeSpan ticket)
    {
        bool entered = limiter.TryEnter();
        ticket = entered ? limiter.Now : default;
        return entered;
    }

    protected override async ValueTask<(bool Entered, TimeSpan Ticket)> EnterLaterAsync(ResilienceContext context)
    {
        CallPriority priority = context.Properties.GetValue(CallProperties.Priority, CallPriority.Normal);
        bool entered = await limiter.EnterAsync(priority, context.CancellationToken).ConfigureAwait(context.ContinueOnCapturedContext);
        return (entered, limiter.Now);
    }

    protected override void Leave(TimeSpan ticket, CallVerdict verdict, ResilienceContext context) => limiter.Leave(ticket, verdict);

    // Turned away further in: the server never saw it.
    protected override bool SaysNothing(Exception exception) =>
        exception.IsCancellation() || exception is BrokenCircuitException or DeadlineExceededException or ThrottledException;

    protected override bool IsFailure(Exception exception) =>
        exception is TimeoutException or TimeoutRejectedException or RateLimiterRejectedException or { InnerException: TimeoutException };

    protected override ExecutionRejectedException Reject(ResilienceContext context)
    {
        ResilienceMetrics.Rejected("adaptive_concurrency", limiter.Name, "limit");
        telemetry.Report(new(ResilienceEventSeverity.Warning, "OnAdaptiveConcurrencyRejected"), context, limiter.Limit);
        var exception = new RateLimiterRejectedException("The call was shed: as many are running as the server can use.", AdaptiveConcurrencyLimiter.RetryAfter);
        telemetry.SetTelemetrySource(exception);
        return exception;
    }
}
