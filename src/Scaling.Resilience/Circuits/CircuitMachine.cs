using Scaling.Resilience.Internal;

namespace Scaling.Resilience;

internal enum CircuitState
{
    Closed,
    HalfOpen,
    Open,
}

/// <summary>
/// The rules of a circuit. Pure: the caller brings the time and the lock.
/// Every change of state begins a new generation; a verdict of an earlier generation changes nothing.
/// </summary>
internal sealed class CircuitMachine(ProbingCircuitBreakerOptions options)
{
    private readonly SlidingSum _calls = new(options.Window);
    private readonly SlidingSum _failures = new(options.Window);
    private int _inRow;
    private int _started;       // probes let through in this generation
    private int _succeeded;
    private TimeSpan _since;    // of this state, or of the last probe let through

    public CircuitState State { get; private set; }

    public int Generation { get; private set; }

    /// <returns>True: the caller makes the call and reports its verdict with the present generation.</returns>
    public bool TryEnter(TimeSpan now)
    {
        switch (State)
        {
            case CircuitState.Closed:
                return true;
            case CircuitState.Open when options.Prober is not null || now - _since < options.BreakDuration:
                return false;
            case CircuitState.Open:
                Become(CircuitState.HalfOpen, now);
                break;
            case CircuitState.HalfOpen when _started >= options.Probes:
                if (now - _since < options.BreakDuration)
                {
                    return false;
                }

                Become(CircuitState.HalfOpen, now); // the probes hang: their answers no longer count, others may try
                break;
        }

        _started++;
        _since = now;
        return true;
    }

    public void Report(int generation, CallVerdict verdict, TimeSpan now)
    {
        if (generation != Generation)
        {
            return;
        }

        if (State == CircuitState.Closed)
        {
            if (verdict != CallVerdict.Nothing && Trips(verdict == CallVerdict.Failure, now))
            {
                Become(CircuitState.Open, now);
            }

            return;
        }

        switch (verdict)
        {
            case CallVerdict.Failure:
                Become(CircuitState.Open, now);
                break;
            case CallVerdict.Nothing:
                _started--;
                break;
            case CallVerdict.Success when ++_succeeded >= options.Probes:
                Become(CircuitState.Closed, now);
                break;
        }
    }

    /// <summary>The prober got a real answer. Does nothing if the circuit has changed since.</summary>
    public void Recovered(int generation, TimeSpan now)
    {
        if (generation == Generation && State == CircuitState.Open)
        {
            Become(CircuitState.Closed, now);
        }
    }

    private bool Trips(bool failed, TimeSpan now)
    {
        _inRow = failed ? _inRow + 1 : 0;
        if (options.FailureRatio is { } ratio)
        {
            _calls.Add(now, 1);
            _failures.Add(now, failed ? 1 : 0);
            if (failed && _calls.Total >= options.MinimumCalls && _failures.Total >= ratio * _calls.Total)
            {
                return true;
            }
        }

        return _inRow >= options.ConsecutiveFailures;
    }

    private void Become(CircuitState state, TimeSpan now)
    {
        State = state;
        Generation++;
        _since = now;
        _inRow = _started = _succeeded = 0;
        _calls.Clear();
        _failures.Clear();
    }
}
