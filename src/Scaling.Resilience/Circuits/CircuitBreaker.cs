using Polly;
using Polly.CircuitBreaker;
using Polly.Telemetry;
using Scaling.Resilience.Internal;

namespace Scaling.Resilience;

internal sealed class CircuitBreaker : GateStrategy<int>, IDisposable
{
    private readonly Lock _lock = new();
    private readonly CircuitMachine _machine;
    private readonly ProbingCircuitBreakerOptions _options;
    private readonly CoarseClock _clock;
    private readonly TimeProvider _timeProvider;
    private readonly ResilienceStrategyTelemetry _telemetry;
    private readonly CancellationTokenSource _disposed = new();

    public CircuitBreaker(ProbingCircuitBreakerOptions options, TimeProvider timeProvider, ResilienceStrategyTelemetry telemetry)
        : base(options.IsFailure)
    {
        _options = options;
        _machine = new CircuitMachine(options);
        _clock = new CoarseClock(timeProvider);
        _timeProvider = timeProvider;
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

    protected override bool TryEnter(out int ticket)
    {
        lock (_lock)
        {
            bool entered = _machine.TryEnter(_clock.Now);
            ticket = _machine.Generation;
            return entered;
        }
    }

    protected override void Leave(int ticket, CallVerdict verdict, ResilienceContext context)
    {
        CircuitState before, after;
        int reached;
        lock (_lock)
        {
            before = _machine.State;
            _machine.Report(ticket, verdict, _clock.Now);
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

    protected override ExecutionRejectedException Reject(ResilienceContext context)
    {
        ResilienceMetrics.Rejected("circuit_breaker", Name, "open");
        var exception = new BrokenCircuitException("The circuit is open: the dependency failed and has not yet answered a probe.", _options.BreakDuration);
        _telemetry.SetTelemetrySource(exception);
        return exception;
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

        if (await prober.RecoverAsync(_timeProvider, disposed).ConfigureAwait(false))
        {
            lock (_lock)
            {
                _machine.Recovered(generation, _clock.Now);
            }
        }
    }
}
