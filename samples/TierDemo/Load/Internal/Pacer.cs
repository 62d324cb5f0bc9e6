using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Threading.Tasks.Sources;

namespace TierDemo.Load.Internal;

/// <summary>Wakes waiters at their moments, to about 0.1 ms. The timers of .NET tick in milliseconds, which would be most of the latency of a fast server.</summary>
/// <remarks>One thread sleeps until the earliest moment, in slices of at most a millisecond, so that an earlier newcomer is late by no more. With nobody waiting it blocks.</remarks>
internal sealed class Pacer : IDisposable
{
    private static readonly long LongestSleep = Stopwatch.Frequency / 1000;

    private readonly Lock _lock = new();
    private readonly PriorityQueue<Waiter, long> _waiters = new();
    private readonly AutoResetEvent _firstArrived = new(false);
    private volatile bool _stopped;

    public Pacer() => new Thread(Run) { IsBackground = true, Name = "load pacer" }.Start();

    /// <summary>Whether <see cref="Stop"/> was called: everybody is released at once, now and from now on.</summary>
    public bool IsStopped => _stopped;

    /// <summary>Waits until <paramref name="moment"/> (a <see cref="Stopwatch"/> timestamp), or until the pacer is stopped. A waiter waits for one moment at a time.</summary>
    public ValueTask WaitAsync(Waiter waiter, long moment)
    {
        if (Stopwatch.GetTimestamp() >= moment)
        {
            return ValueTask.CompletedTask;
        }

        waiter.Reset();
        bool first;
        lock (_lock)
        {
            if (_stopped)
            {
                return ValueTask.CompletedTask;
            }

            first = _waiters.Count == 0;
            _waiters.Enqueue(waiter, moment);
        }

        if (first)
        {
            _firstArrived.Set();
        }

        return waiter.Task;
    }

    public void Stop()
    {
        _stopped = true;
        _firstArrived.Set();
    }

    public void Dispose() => Stop(); // the event has no finalizable cost worth a race with the thread that may still wait on it

    private void Run()
    {
        while (!_stopped)
        {
            long next = ReleaseDue(Stopwatch.GetTimestamp());
            if (next == long.MaxValue)
            {
                _firstArrived.WaitOne();
            }
            else
            {
                Sleep(Math.Min(next - Stopwatch.GetTimestamp(), LongestSleep));
            }
        }

        ReleaseDue(long.MaxValue);
    }

    /// <summary>Releases whoever is due; returns the moment of the next, or <see cref="long.MaxValue"/>.</summary>
    private long ReleaseDue(long now)
    {
        while (true)
        {
            Waiter due;
            lock (_lock)
            {
                if (!_waiters.TryPeek(out _, out long moment))
                {
                    return long.MaxValue;
                }

                if (moment > now)
                {
                    return moment;
                }

                due = _waiters.Dequeue();
            }

            due.Release(); // outside the lock: it only queues the continuation
        }
    }

    private static void Sleep(long ticks)
    {
        if (ticks <= 0)
        {
            return;
        }

        if (OperatingSystem.IsWindows())
        {
            Thread.Sleep(1); // the finest there is without a multimedia timer
        }
        else
        {
            _ = usleep((uint)(ticks * 1_000_000 / Stopwatch.Frequency));
        }
    }

    [DllImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int usleep(uint microseconds);

    /// <summary>A reusable awaitable: waiting costs no allocation.</summary>
    public sealed class Waiter : IValueTaskSource
    {
        private ManualResetValueTaskSourceCore<bool> _core = new() { RunContinuationsAsynchronously = true };

        public ValueTask Task => new(this, _core.Version);

        public void Reset() => _core.Reset();

        public void Release() => _core.SetResult(true);

        void IValueTaskSource.GetResult(short token) => _core.GetResult(token);

        ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _core.GetStatus(token);

        void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
            _core.OnCompleted(continuation, state, token, flags);
    }
}
