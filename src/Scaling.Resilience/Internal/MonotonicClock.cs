namespace Scaling.Resilience.Internal;

/// <summary>Time since this clock was made, from <see cref="TimeProvider.GetTimestamp"/>: steps of the wall clock do not reach it.</summary>
internal readonly struct MonotonicClock(TimeProvider timeProvider)
{
    private readonly long _start = timeProvider.GetTimestamp();

    // TimeProvider.GetElapsedTime divides by the frequency on every call; strategies read the clock twice per request.
    private readonly double _ticksPerStamp = (double)TimeSpan.TicksPerSecond / timeProvider.TimestampFrequency;

    public TimeSpan Now => new((long)((timeProvider.GetTimestamp() - _start) * _ticksPerStamp));
}
