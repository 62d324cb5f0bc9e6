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
    private long _current;

    public long Total { get; private set; }

    public void Add(TimeSpan now, long amount)
    {
        Advance(now);
        _slots[_current % _slots.Length] += amount;
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
        long slot = now.Ticks / _slotTicks;
        if (slot - _current >= _slots.Length)
        {
            Clear();
            _current = slot;
        }

        while (_current < slot)
        {
            _current++;
            ref long expired = ref _slots[_current % _slots.Length];
            Total -= expired;
            expired = 0;
        }
    }
}
