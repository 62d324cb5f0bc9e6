using Polly;
using Polly.Telemetry;
using Scaling.Resilience.Internal;

namespace Scaling.Resilience;

internal sealed class AdaptiveThrottleStrategy : GateStrategy<long>, IDisposable
{
    private static readonly Func<double> Dice = Random.Shared.NextDouble;

    private readonly Lock _lock = new();
    private readonly ThrottleMachine _machine;
    private readonly CoarseClock _clock;
    private readonly ResilienceStrategyTelemetry _telemetry;

    public AdaptiveThrottleStrategy(AdaptiveThrottleOptions options, TimeProvider timeProvider, ResilienceStrategyTelemetry telemetry)
        : base(options.IsRefusal)
    {
        Name = options.Name;
        _machine = new ThrottleMachine(options);
        _clock = new CoarseClock(timeProvider);
        _telemetry = telemetry;
        ResilienceMetrics.Throttles.Add(this);
    }

    public string? Name { get; }

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

    protected override bool TryEnter(out long ticket)
    {
        lock (_lock)
        {
            return _machine.TryEnter(_clock.Now, Dice, out ticket);
        }
    }

    protected override void Leave(long ticket, CallVerdict verdict, ResilienceContext context)
    {
        lock (_lock)
        {
            _machine.Report(ticket, verdict, _clock.Now);
        }
    }

    protected override ExecutionRejectedException Reject(ResilienceContext context)
    {
        ResilienceMetrics.Rejected("adaptive_throttle", Name, "throttled");
        var exception = new ThrottledException();
        _telemetry.SetTelemetrySource(exception);
        return exception;
    }
}
