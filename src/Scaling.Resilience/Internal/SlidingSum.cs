namespace Scaling.Resilience.Internal;

/// <summary>
/// The sum of what was added during the last <c>window</c>, in equal slots. Pure: the caller brings the time.
/// One slot more than the window needs is kept, so nothing younger than the window is ever forgotten;
/// what is older leaves at most one slot late. Not thread-safe.
/// </summary>
internal sealed class SlidingSum(TimeSpan window, int slots = 10)
{
    private readonly long[] _slots = new long[slots + 1];
    private readonly long _slotTicks = Math.Max(1, window.Ticks / slots);
    private int _current;
    private long _currentEnd = Math.Max(1, window.Ticks / slots);

    public long Total { get; private set; }

    public void Add(TimeSpan now, long amount)
    {
        Advance(now);
        _slots[_current] += amount;
        Total += amount;
    }

    public long TotalAt(TimeSpan now)
    {
        Advance(now);
        return Total;
    }

    public void Clear()
    {
        Array.Clear(_slots);
        Total = 0;
    }

    private void Advance(TimeSpan now)
    {
        if (now.Ticks < _currentEnd)
        {
            return;
        }

        long steps = ((now.Ticks - _currentEnd) / _slotTicks) + 1;
        _currentEnd += steps * _slotTicks;
        if (steps >= _slots.Length)
        {
            Clear();
            return;
        }

        for (; steps > 0; steps--)
        {
            _current = _current + 1 < _slots.Length ? _current + 1 : 0;
            Total -= _slots[_current];
            _slots[_current] = 0;
        }
    }
}
