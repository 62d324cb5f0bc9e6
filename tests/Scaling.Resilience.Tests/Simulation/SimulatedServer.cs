using Microsoft.Extensions.Time.Testing;
using Polly;

namespace Scaling.Resilience.Tests.Simulation;

/// <summary>
/// A server of known capacity: some workers, an endless queue before them, steady or exponential service times. It works off
/// requests whose clients have long gone, as real ones do. Time is the fake clock's; everything runs on one thread, by events.
/// </summary>
internal sealed class SimulatedServer(FakeTimeProvider time, Agenda agenda, int workers, TimeSpan serviceTime, int seed)
{
    private readonly Random _random = new(seed);
    private readonly Queue<TaskCompletionSource<Outcome<int>>> _waiting = new();
    private readonly List<TaskCompletionSource<Outcome<int>>> _sharing = [];
    private int _busy;
    private int _changes;
    private DateTimeOffset _stalledUntil;

    public TimeSpan ServiceTime { get; set; } = serviceTime;

    public int Workers { get; set; } = workers;

    /// <summary>How service times vary about their mean; by ±20 % unless told otherwise.</summary>
    public Func<Random, double> Spread { get; init; } = Spreads.Steady;

    /// <summary>
    /// Above 0: no workers but one engine that all share, as a database does. Half of its capacity is reached with so many requests at once, two thirds
    /// with twice as many, all of it never: there is no sharp knee.
    /// </summary>
    public double HalfAt { get; init; }

    public bool Down { get; set; }

    public int Received { get; private set; }

    public double Capacity => Workers / ServiceTime.TotalSeconds;

    public Task<Outcome<int>> CallAsync()
    {
        Received++;
        var request = new TaskCompletionSource<Outcome<int>>(); // continuations run inline: the simulation has one thread
        if (Down)
        {
            agenda.At(time.GetUtcNow() + TimeSpan.FromMilliseconds(1), () => request.SetResult(Outcome.FromException<int>(new IOException("down"))));
            return request.Task;
        }

        if (HalfAt > 0)
        {
            _sharing.Add(request);
            PlanNextEnd();
            return request.Task;
        }

        _waiting.Enqueue(request);
        StartNext();
        return request.Task;
    }

    /// <summary>Stops everything for a while, as a garbage collection or a checkpoint does: nothing begins, and what ends is told late.</summary>
    public void Stall(TimeSpan length)
    {
        _stalledUntil = time.GetUtcNow() + length;
        agenda.At(_stalledUntil, StartNext);
    }

    // Exponential service times have no memory: whenever the number changes, the next end is drawn anew.
    private void PlanNextEnd()
    {
        int change = ++_changes;
        if (_sharing.Count == 0)
        {
            return;
        }

        double rate = Capacity * _sharing.Count / (_sharing.Count + HalfAt);
        agenda.At(time.GetUtcNow() + TimeSpan.FromSeconds(Spreads.Exponential(_random) / rate), () =>
        {
            if (change == _changes)
            {
                TaskCompletionSource<Outcome<int>> done = _sharing[_random.Next(_sharing.Count)];
                _sharing.Remove(done);
                PlanNextEnd();
                done.SetResult(Outcome.FromResult(1));
            }
        });
    }

    private void StartNext()
    {
        while (_busy < Workers && time.GetUtcNow() >= _stalledUntil && _waiting.TryDequeue(out TaskCompletionSource<Outcome<int>>? request))
        {
            _busy++;
            TimeSpan duration = ServiceTime * Spread(_random);
            agenda.At(time.GetUtcNow() + duration, () => End(request));
        }
    }

    private void End(TaskCompletionSource<Outcome<int>> request)
    {
        if (time.GetUtcNow() < _stalledUntil)
        {
            agenda.At(_stalledUntil, () => End(request));
            return;
        }

        _busy--;
        request.SetResult(Outcome.FromResult(1));
        StartNext();
    }
}
