namespace Scaling.Resilience.Internal;

/// <summary>Time since this clock was made, from <see cref="TimeProvider.GetTimestamp"/>: steps of the wall clock do not reach it.</summary>
internal readonly struct MonotonicClock(TimeProvider timeProvider)
{
    private readonly long _start = timeProvider.GetTimestamp();

    public TimeProvider TimeProvider => timeProvider;

    public TimeSpan Now => timeProvider.GetElapsedTime(_start);
}
