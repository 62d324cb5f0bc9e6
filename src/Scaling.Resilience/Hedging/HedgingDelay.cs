using Scaling.Resilience.Internal;

namespace Scaling.Resilience;

/// <summary>How long to wait for a first attempt before a second is sent: a percentile of the recent latencies.</summary>
/// <remarks>
/// At the 95th percentile about one call in twenty is hedged, which is what the tail costs to cut. Share one per dependency.
/// Source: Dean and Barroso, "The Tail at Scale", CACM 2013. Thread-safe.
/// </remarks>
public sealed class HedgingDelay
{
    private const int Enough = 100;
    private const int Refresh = 32;

    private readonly Lock _lock = new();
    private readonly LatencyHistogram _latencies = new(TimeSpan.FromSeconds(30));
    private readonly MonotonicClock _clock;
    private readonly double _percentile;
    private int _untilRefresh;
    private long _delay;

    /// <summary>Makes the delay.</summary>
    /// <param name="percentile">Between 0 and 1. Default 0.95.</param>
    /// <param name="timeProvider">The clock; the system's if null.</param>
    public HedgingDelay(double percentile = 0.95, TimeProvider? timeProvider = null)
    {
        if (!(percentile is > 0 and < 1))
        {
            throw new ArgumentOutOfRangeException(nameof(percentile), percentile, "HedgingDelay takes a share: above 0, below 1; 0.95 is customary.");
        }

        _percentile = percentile;
        _clock = new MonotonicClock(timeProvider ?? TimeProvider.System);
    }

    /// <summary>The delay now; null until 100 latencies have been seen.</summary>
    public TimeSpan? Current => Volatile.Read(ref _delay) is > 0 and var ticks ? new TimeSpan(ticks) : null;

    internal TimeSpan Now => _clock.Now;

    /// <summary>An attempt that began at <paramref name="started"/> has succeeded.</summary>
    internal void Record(TimeSpan started)
    {
        TimeSpan now = _clock.Now;
        lock (_lock)
        {
            _latencies.Record(now, now - started);
            if (--_untilRefresh <= 0 && _latencies.Count >= Enough)
            {
                _untilRefresh = Refresh;
                Volatile.Write(ref _delay, Math.Max(1, _latencies.Quantile(_percentile).Ticks));
            }
        }
    }

    // An attempt that lost the race was cut short: how long it would have taken is unknown. When it had already outlived the delay,
    // that is all the percentile needs to know; otherwise (a young hedge) it says nothing. Dropping both would forget exactly the
    // slow ones, and the delay would sink.
    internal void RecordCancelled(TimeSpan started)
    {
        if (_clock.Now - started >= Current)
        {
            Record(started);
        }
    }
}
