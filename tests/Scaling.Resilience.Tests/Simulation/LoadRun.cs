using Microsoft.Extensions.Time.Testing;
using Polly;
using Scaling.Resilience.Internal;

namespace Scaling.Resilience.Tests.Simulation;

/// <summary>How clients are kept away from the server.</summary>
internal enum Guard
{
    Nothing,
    Bulkhead,
    Adaptive,
}

/// <summary>
/// An open load (arrivals do not wait for answers) on a simulated server behind the real limiter. Clients give up after
/// <see cref="Patience"/>; an answer later than that is no goodput.
/// </summary>
internal sealed class LoadRun : IDisposable
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly Agenda _agenda;
    private readonly List<(ValueTask<bool> Task, DateTimeOffset Arrived)> _queued = [];
    private readonly AdaptiveConcurrencyLimiter? _limiter;
    private readonly DateTimeOffset _start;
    private readonly Random _random;
    private readonly int _bulkhead;
    private int _inBulkhead;

    public LoadRun(Guard guard, IConcurrencyLimit? algorithm = null, int workers = 20, double serviceMilliseconds = 50, int bulkhead = 100, Func<Random, double>? spread = null, double halfAt = 0, int seed = 0)
    {
        _agenda = new Agenda(_time);
        _random = new Random(seed + 4711);
        _start = _time.GetUtcNow();
        _bulkhead = guard == Guard.Bulkhead ? bulkhead : int.MaxValue;
        Server = new SimulatedServer(_time, _agenda, workers, TimeSpan.FromMilliseconds(serviceMilliseconds), seed + 42) { Spread = spread ?? Spreads.Steady, HalfAt = halfAt };
        if (guard == Guard.Adaptive)
        {
            _limiter = new AdaptiveConcurrencyLimiter(new AdaptiveConcurrencyOptions { Algorithm = () => algorithm ?? new KneeLimit() }, _time);
        }
    }

    public SimulatedServer Server { get; }

    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(1);

    public List<Second> Seconds { get; } = [];

    public void Run(int seconds, double ratePerSecond)
    {
        for (int i = 0; i < seconds; i++)
        {
            Seconds.Add(new Second());
            DateTimeOffset end = _start + TimeSpan.FromSeconds(Seconds.Count);
            DateTimeOffset next = _time.GetUtcNow();
            while ((next += TimeSpan.FromSeconds(Spreads.Exponential(_random) / ratePerSecond)) < end)
            {
                _agenda.At(next, Arrive);
            }

            _agenda.RunUntil(end, StartGranted);
            Seconds[^1].Limit = _limiter?.Limit ?? 0;
        }
    }

    /// <summary>Goodput as a share of the server's capacity over the last seconds of the run.</summary>
    public double Goodput(int lastSeconds) => Seconds.TakeLast(lastSeconds).Sum(s => s.Good) / (lastSeconds * Server.Capacity);

    public double P99(int lastSeconds)
    {
        List<double> all = [.. Seconds.TakeLast(lastSeconds).SelectMany(s => s.Milliseconds).Order()];
        return all.Count == 0 ? double.PositiveInfinity : all[(int)(all.Count * 0.99)];
    }

    public void Dispose() => _limiter?.Dispose();

    private void Arrive()
    {
        Seconds[^1].Offered++;
        DateTimeOffset arrived = _time.GetUtcNow();
        if (_limiter is null)
        {
            if (_inBulkhead >= _bulkhead)
            {
                Seconds[^1].Shed++;
                return;
            }

            _inBulkhead++;
            _ = Serve(arrived);
            return;
        }

        ValueTask<bool> permit = _limiter.EnterAsync(CallPriority.Normal, CancellationToken.None);
        if (permit.IsCompleted)
        {
            Start(permit, arrived);
        }
        else
        {
            _queued.Add((permit, arrived));
        }
    }

    // A permit granted from the queue resumes its waiter on another thread; looking for it here keeps the run on one.
    private void StartGranted()
    {
        for (int i = 0; i < _queued.Count;)
        {
            if (_queued[i].Task.IsCompleted)
            {
                (ValueTask<bool> task, DateTimeOffset arrived) = _queued[i];
                _queued.RemoveAt(i);
                Start(task, arrived);
            }
            else
            {
                i++;
            }
        }
    }

    private void Start(ValueTask<bool> permit, DateTimeOffset arrived)
    {
        if (permit.Result)
        {
            _ = Serve(arrived);
        }
        else
        {
            Seconds[^1].Shed++;
        }
    }

    private async Task Serve(DateTimeOffset arrived)
    {
        Seconds[^1].Sent++;
        TimeSpan entered = _limiter?.Now ?? default;
        Outcome<int> outcome = await Server.CallAsync();
        _limiter?.Leave(entered, CallVerdict.Success);
        _inBulkhead--;
        TimeSpan took = _time.GetUtcNow() - arrived;
        if (outcome.Exception is null && took <= Patience)
        {
            Seconds[^1].Good++;
        }

        Seconds[^1].Milliseconds.Add(took.TotalMilliseconds);
    }
}
