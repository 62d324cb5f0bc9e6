using Scaling.Resilience.Internal;

namespace Scaling.Resilience;

/// <summary>
/// The client-side throttle of the SRE book ("Handling Overload"): p = max(0, (requests − K·accepts) / (requests + 1)).
/// Pure: the caller brings the time, the dice and the lock.
/// </summary>
/// <remarks>
/// Requests are counted before the call, so calls that hang weigh as well. But a call younger than a slot (1/40 of the window) has had no
/// time to be accepted: until then it counts as nothing, or every cold start and every burst would be taken for an outage.
/// </remarks>
internal sealed class ThrottleMachine(AdaptiveThrottleOptions options)
{
    private const int SlotCount = 40;
    private const double MaxRejection = 0.9; // the rest goes through whatever happens, so that recovery is seen

    private readonly Slot[] _slots = new Slot[SlotCount];
    private readonly long _slotTicks = options.Window.Ticks / SlotCount;
    private long _current;
    private long _currentEnd = options.Window.Ticks / SlotCount;
    private long _requests;
    private long _accepts;

    public static double RejectionProbability(double requests, double accepts, double factor) =>
        Math.Max(0, (requests - (factor * accepts)) / (requests + 1));

    public double ProbabilityAt(TimeSpan now)
    {
        Advance(now);
        long young = _slots[_current % SlotCount].Pending + (_current > 0 ? _slots[(_current - 1) % SlotCount].Pending : 0);
        return Math.Min(MaxRejection, RejectionProbability(_requests - young, _accepts, options.Factor));
    }

    /// <returns>True: the caller makes the call and reports it with <paramref name="ticket"/>. False: it is held back and already counted.</returns>
    public bool TryEnter(TimeSpan now, Func<double> dice, out long ticket)
    {
        double probability = ProbabilityAt(now);
        bool enter = probability <= 0 || dice() >= probability;
        ticket = _current;
        ref Slot slot = ref _slots[_current % SlotCount];
        slot.Requests++;
        slot.Pending += enter ? 1 : 0;
        _requests++;
        return enter;
    }

    /// <param name="ticket">From <see cref="TryEnter"/>.</param>
    /// <param name="verdict">Whether the server took the call; nothing: the caller gave up, so the call never was.</param>
    /// <param name="now">The time.</param>
    public void Report(long ticket, CallVerdict verdict, TimeSpan now)
    {
        Advance(now);
        if (_current - ticket >= SlotCount)
        {
            return; // its slot is forgotten
        }

        ref Slot slot = ref _slots[ticket % SlotCount];
        slot.Pending--;
        switch (verdict)
        {
            case CallVerdict.Nothing:
                slot.Requests--;
                _requests--;
                break;
            case CallVerdict.Success:
                slot.Accepts++;
                _accepts++;
                break;
        }
    }

    private void Advance(TimeSpan now)
    {
        if (now.Ticks < _currentEnd)
        {
            return;
        }

        long target = now.Ticks / _slotTicks;
        long first = Math.Max(_current + 1, target - SlotCount + 1);
        for (long slot = first; slot <= target; slot++)
        {
            ref Slot expired = ref _slots[slot % SlotCount];
            _requests -= expired.Requests;
            _accepts -= expired.Accepts;
            expired = default;
        }

        _current = target;
        _currentEnd = (target + 1) * _slotTicks;
    }

    private struct Slot
    {
        public int Requests;
        public int Accepts;
        public int Pending;
    }
}
