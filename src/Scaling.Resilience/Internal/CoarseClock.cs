namespace Scaling.Resilience.Internal;

/// <summary>
/// As <see cref="MonotonicClock"/>, but to within a few milliseconds, for a fraction of the price: for what is counted by the second. (Linux keeps the
/// coarse time ready in memory; the fine one is computed from the processor's counter at every question.) Another clock than the system's is asked as it is.
/// </summary>
internal readonly struct CoarseClock(TimeProvider timeProvider)
{
    private readonly MonotonicClock? _other = ReferenceEquals(timeProvider, TimeProvider.System) ? null : new MonotonicClock(timeProvider);
    private readonly long _start = Environment.TickCount64;

    public TimeSpan Now => _other is { } clock ? clock.Now : new((Environment.TickCount64 - _start) * TimeSpan.TicksPerMillisecond);
}
