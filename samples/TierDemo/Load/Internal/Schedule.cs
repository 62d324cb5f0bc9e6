using System.Diagnostics;

namespace TierDemo.Load.Internal;

/// <summary>When requests are due, and when it is over. Thread-safe; all users of a load share one.</summary>
internal sealed class Schedule
{
    private readonly long _start;
    private readonly double? _period;
    private readonly long _thinkTime;
    private long _next = -1;

    public Schedule(LoadPlan plan, long start)
    {
        _start = start;
        MeasureFrom = start + Ticks(plan.WarmUp);
        End = MeasureFrom + Ticks(plan.Duration);
        _period = Stopwatch.Frequency / plan.Rate;
        _thinkTime = Ticks(plan.ThinkTime);
    }

    public long MeasureFrom { get; }

    public long End { get; }

    /// <summary>Takes the next request: its number, and the moment it is due, which may be past. False when no more are due before the end.</summary>
    /// <remarks>
    /// Open loop: the users share one row of tickets, so a user that is stuck holds up its own request only; requests that come due while all users are
    /// stuck keep their moment and wait for the first that is free. Closed loop: due now, or after the think time.
    /// </remarks>
    public bool TryTake(out long ordinal, out long due)
    {
        ordinal = Interlocked.Increment(ref _next);
        due = _period is double period ? _start + (long)(ordinal * period) : Stopwatch.GetTimestamp() + (ordinal == 0 ? 0 : _thinkTime);
        return due < End;
    }

    /// <summary>Whether a request due before the end has missed it. (In the closed loop none ever does.)</summary>
    public bool IsTooLate => _period is not null && Stopwatch.GetTimestamp() >= End;

    /// <summary>Without a schedule to keep, a user whose connection failed waits a moment: hammering a dead port counts the speed of failing, not of serving.</summary>
    public bool PausesAfterFailure => _period is null;

    private static long Ticks(TimeSpan time) => (long)(time.TotalSeconds * Stopwatch.Frequency);
}
