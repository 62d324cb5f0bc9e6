using Polly;
using Polly.CircuitBreaker;
using Polly.Telemetry;
using Scaling.Resilience.Internal;

namespace Scaling.Resilience;

internal sealed class CircuitBreaker : ResilienceStrategy, IDisposable
{
    private readonly Lock _lock = new();
    private readonly CircuitMachine _machine;
    private readonly ProbingCircuitBreakerOptions _options;
    private readonly MonotonicClock _clock;
    private readonly ResilienceStrategyTelemetry _telemetry;
    private readonly CancellationTokenSource _disposed = new();

    public CircuitBreaker(ProbingCircuitBreakerOptions options, TimeProvider timeProvider, ResilienceStrategyTelemetry telemetry)
    {
        _options = options;
        _machine = new CircuitMachine(options);
        _clock = new MonotonicClock(timeProvider);
        _telemetry = telemetry;
        ResilienceMetrics.Circuits.Add(this);
    }

    public CircuitState State => _machine.State;

    public string? Name => _options.Name;

    public void Dispose()
    {
        _disposed.Cancel();
        _disposed.Dispose();
        ResilienceMetrics.Circuits.Remove(this);
    }

    protected override async ValueTask<Outcome<TResult>> ExecuteCore<TResult, TState>(
        Func<ResilienceContext, TState, ValueTask<Outcome<TResult>>> callback, ResilienceContext context, TState state)
    {
        int generation;
        bool entered;
        lock (_lock)
        {
            entered = _machine.TryEnter(_clock.Now);
            generation = _machine.Generation;
        }

        if (!entered)
        {
            return Outcome.FromException<TResult>(Reject());
        }

        Outcome<TResult> outcome;
        try
        {
            outcome = await callback(context, state).ConfigureAwait(context.ContinueOnCapturedContext);
        }
#pragma warning disable CA1031 // an outcome carries any exception; the verdict must be given whatever it is
        catch (Exception exception)
#pragma warning restore CA1031 // see above
        {
            outcome = Outcome.FromException<TResult>(exception);
        }

        Report(context, generation, Judge(outcome));
        return outcome;
    }

    private CallVerdict Judge<TResult>(Outcome<TResult> outcome)
    {
        if (outcome.Exception.IsCancellation())
        {
            return CallVerdict.Nothing;
        }

        bool failed = _options.IsFailure is { } isFailure ? isFailure(outcome.AsObject()) : outcome.Exception is not null;
        return failed ? CallVerdict.Failure : CallVerdict.Success;
    }

    private void Report(ResilienceContext context, int generation, CallVerdict verdict)
    {
        CircuitState before, after;
        int reached;
        lock (_lock)
        {
            before = _machine.State;
            _machine.Report(generation, verdict, _clock.Now);
            after = _machine.State;
            reached = _machine.Generation;
        }

        if (before == after)
        {
            return;
        }

        bool opened = after == CircuitState.Open;
        _telemetry.Report(new(opened ? ResilienceEventSeverity.Error : ResilienceEventSeverity.Information, opened ? "OnCircuitOpened" : "OnCircuitClosed"), context, Name);
        if (opened && _options.Prober is { } prober)
        {
            _ = ProbeAsync(prober, reached); // never faults; ends with the circuit's recovery or disposal
        }
    }

    private async Task ProbeAsync(RecoveryProber prober, int generation)
    {
        CancellationToken disposed;
        try
        {
            disposed = _disposed.Token;
        }
        catch (ObjectDisposedException)
        {
            return;
        }

        if (await prober.RecoverAsync(_clock.TimeProvider, disposed).ConfigureAwait(false))
        {
            lock (_lock)
            {
                _machine.Recovered(generation, _clock.Now);
            }
        }
    }

    private BrokenCircuitException Reject()
    {
        ResilienceMetrics.Rejected("circuit_breaker", Name, "open");
        var exception = new BrokenCircuitException("The circuit is open: the dependency failed and has not yet answered a probe.", _options.BreakDuration);
        _telemetry.SetTelemetrySource(exception);
        return exception;
    }
}
