namespace Scaling.Caching.Tests;

/// <summary>A clock with one timer, which fires when the test says so and however late: what a process sees that was stopped.</summary>
internal sealed class HandTimer : TimeProvider
{
    private long _now;
    private Action? _fire;

    public bool Runs { get; private set; }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => _now;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        Assert.Null(_fire);
        _fire = () => callback(state);
        return new Timer(this);
    }

    public void Fire(TimeSpan after)
    {
        _now += after.Ticks;
        _fire!();
    }

    private sealed class Timer(HandTimer owner) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            owner.Runs = period > TimeSpan.Zero;
            return true;
        }

        public void Dispose()
        {
        }

        public ValueTask DisposeAsync() => default;
    }
}
