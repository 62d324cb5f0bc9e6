using Polly;
using Polly.Telemetry;
using Scaling.Resilience.Internal;

namespace Scaling.Resilience;

internal sealed class AdaptiveThrottleStrategy : ResilienceStrategy, IDisposable
{
    private static readonly Func<double> Dice = Random.Shared.NextDouble;

    private readonly Lock _lock = new();
    private readonly AdaptiveThrottleOptions _options;
    private readonly ThrottleMachine _machine;
    private readonly MonotonicClock _clock;
    private readonly ResilienceStrategyTelemetry _telemetry;

    public AdaptiveThrottleStrategy(AdaptiveThrottleOptions options, TimeProvider timeProvider, ResilienceStrategyTelemetry telemetry)
    {
        _options = options;
        _machine = new ThrottleMachine(options);
        _clock = new MonotonicClock(timeProvider);
        _telemetry = telemetry;
        ResilienceMetrics.Throttles.Add(this);
    }

    public string? Name => _options.Name;

    public double RejectionProbability
    {
        get
        {
            lock (_lock)
            {
                return _machine.ProbabilityAt(_clock.Now);
            }
        }
    }

    public void Dispose() => ResilienceMetrics.Throttles.Remove(this);

    protected override async ValueTask<Outcome<TResult>> ExecuteCore<TResult, TState>(
        Func<ResilienceContext, TState, ValueTask<Outcome<TResult>>> callback, ResilienceContext context, TState state)
    {
        bool entered;
        long ticket;
        lock (_lock)
        {
            entered = _machine.TryEnter(_clock.Now, Dice, out ticket);
        }

        if (!entered)
        {
            ResilienceMetrics.Rejected("adaptive_throttle", Name, "throttled");
            var exception = new ThrottledException();
            _telemetry.SetTelemetrySource(exception);
            return Outcome.FromException<TResult>(exception);
        }

        Outcome<TResult> outcome;
        try
        {
            outcome = await callback(context, state).ConfigureAwait(context.ContinueOnCapturedContext);
        }
#pragma warning disable CA1031 // an outcome carries any exception; the ticket must be reported whatever it is
        catch (Exception exception)
#pragma warning restore CA1031 // see above
        {
            outcome = Outcome.FromException<TResult>(exception);
        }

        bool? accepted = outcome.Exception.IsCancellation() ? null : !IsRefusal(outcome);
        lock (_lock)
        {
            _machine.Report(ticket, accepted, _clock.Now);
        }

        return outcome;
    }

    private bool IsRefusal<TResult>(Outcome<TResult> outcome) =>
        _options.IsRefusal is { } predicate ? predicate(outcome.AsObject()) : outcome.Exception is not null;
}
