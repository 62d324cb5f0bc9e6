using Microsoft.Extensions.Time.Testing;

namespace Scaling.Batching.Tests;

/// <summary>The linger, through the batcher, on a clock that only moves when told to.</summary>
public class DelayTests
{
    private static readonly TimeSpan s_delay = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_tick = TimeSpan.FromTicks(1);

    private readonly AlarmClock _time = new();
    private readonly HeldStore<int> _store = new();

    [Fact]
    public async Task With_a_hundred_clients_and_fifty_milliseconds_nobody_waits_out_a_window_that_cannot_fill()
    {
        const int Clients = 100, Enough = 20_000;
        int written = 0, calls = 0, here = 0;
        var everybodyIsHere = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var batcher = new WriteBatcher<int>(
            async (items, _) =>
            {
                await everybodyIsHere.Task;
                calls++;
                Interlocked.Add(ref written, items.Count);
            },
            new WriteBatcherOptions { MaxBatchSize = 1_000, MaxDelay = s_delay },
            _time);
        Task[] clients = [.. Enumerable.Range(0, Clients).Select(_ => Task.Run(async () =>
        {
            Task write = batcher.WriteAsync(0).AsTask();
            if (Interlocked.Increment(ref here) == Clients)
            {
                everybodyIsHere.SetResult();
            }

            await write;
            while (Volatile.Read(ref written) < Enough)
            {
                await batcher.WriteAsync(0);
            }
        }))];

        // The clock stands still: a window that waited for more than those hundred would stay open for ever.
        await Eventually.HoldsAsync(() => Volatile.Read(ref written) >= Enough, "writes without a clock");
        Assert.InRange(calls, Enough / Clients, (Enough / Clients) + 1); // and still all hundred were gathered, every time
        await Eventually.HoldsAsync(() =>
        {
            _time.Advance(s_delay);
            return Array.TrueForAll(clients, client => client.IsCompleted);
        });
    }

    [Fact]
    public async Task Callers_who_do_not_come_back_cost_a_tenth_of_the_delay_once()
    {
        await using WriteBatcher<int, int> batcher = await WithTenKnownCallersAsync();
        Task<int> one = batcher.WriteAsync(1).AsTask();
        await ProbeAsync(batcher);
        Assert.Equal(s_delay / 10, _time.Alarm);
        _time.Advance((s_delay / 10) - s_tick);
        await ProbeAsync(batcher);
        Assert.Empty(_store.Calls);
        _time.Advance(s_tick + s_tick);
        (await _store.NextAsync()).Commit();
        await one.WithinDeadline();

        Task<int> next = batcher.WriteAsync(2).AsTask(); // nobody else is known any more
        (await _store.NextAsync()).Commit();
        await next.WithinDeadline();
    }

    [Fact]
    public async Task The_delay_counts_from_the_first_write_also_while_others_trickle_in()
    {
        await using WriteBatcher<int, int> batcher = await WithTenKnownCallersAsync();
        var some = new List<Task<int>>();
        TimeSpan age = TimeSpan.Zero, step = TimeSpan.FromMilliseconds(4.9);
        while (age + step < s_delay) // never quiet for 5 ms, and nine of the ten come in all
        {
            if (some.Count < 9)
            {
                some.Add(batcher.WriteAsync(some.Count).AsTask());
            }

            await ProbeAsync(batcher);
            Assert.Empty(_store.Calls);
            _time.Advance(step);
            age += step;
        }

        await ProbeAsync(batcher);
        if (some.Count == 9 && _store.Calls.IsEmpty)
        {
            _time.Advance(s_delay - age + TimeSpan.FromMilliseconds(1)); // alarms are set in whole milliseconds
        }

        HeldStore<int>.Call call = await _store.NextAsync();
        Assert.Equal(9, call.Items.Length);
        call.Commit();
        await Task.WhenAll(some).WithinDeadline();
    }

    [Fact]
    public async Task A_full_window_goes_although_the_clock_stands_and_others_may_come()
    {
        await using WriteBatcher<int, int> batcher = Batcher(maxBatchSize: 5);
        Task<int> first = batcher.WriteAsync(0).AsTask();
        HeldStore<int>.Call alone = await _store.NextAsync();
        Task<int>[] nine = [.. Enumerable.Range(1, 9).Select(i => batcher.WriteAsync(i).AsTask())];
        alone.Commit();
        (await _store.NextAsync()).Commit(); // 1 to 5
        await nine[4].WithinDeadline();
        await ProbeAsync(batcher);
        Assert.Equal(2, _store.Calls.Count); // 6 to 9 wait for some of the six who were answered
        Task<int> fifth = batcher.WriteAsync(10).AsTask();
        HeldStore<int>.Call full = await _store.NextAsync();
        Assert.Equal([6, 7, 8, 9, 10], full.Items);
        full.Commit();
        await Task.WhenAll([first, .. nine, fifth]).WithinDeadline();
    }

    [Fact]
    public async Task A_flush_sends_an_open_window_at_once()
    {
        await using WriteBatcher<int, int> batcher = await WithTenKnownCallersAsync();
        ValueTask<int> one = batcher.WriteAsync(1);
        await ProbeAsync(batcher);
        Assert.Empty(_store.Calls);
        Task flush = batcher.FlushAsync(TestContext.Current.CancellationToken);
        (await _store.NextAsync()).Commit();
        await flush.WithinDeadline();
        Assert.True(one.IsCompleted);
        Assert.Equal(1, await one);
    }

    /// <summary>Items below zero are probes: a partition of their own, written at once.</summary>
    private WriteBatcher<int, int> Batcher(int maxBatchSize = 100) => new(
        (items, token) => items[0] < 0 ? Task.FromResult(items) : _store.WriteAsync(items, token),
        new WriteBatcherOptions<int> { MaxBatchSize = maxBatchSize, MaxDelay = s_delay, PartitionBy = i => i < 0 },
        _time);

    /// <summary>A batcher with ten callers who were answered this very moment, all in one batch.</summary>
    private async Task<WriteBatcher<int, int>> WithTenKnownCallersAsync()
    {
        WriteBatcher<int, int> batcher = Batcher();
        Task<int> first = batcher.WriteAsync(0).AsTask();
        HeldStore<int>.Call alone = await _store.NextAsync();
        Task<int>[] nine = [.. Enumerable.Range(1, 9).Select(i => batcher.WriteAsync(i).AsTask())];
        alone.Commit();
        await first.WithinDeadline();
        first = batcher.WriteAsync(0).AsTask(); // it comes back: now nobody is missing
        HeldStore<int>.Call all = await _store.NextAsync();
        Assert.Equal(10, all.Items.Length);
        all.Commit();
        await Task.WhenAll([first, .. nine]).WithinDeadline();
        await ProbeAsync(batcher);
        _store.Calls.Clear();
        return batcher;
    }

    /// <summary>Comes back when the loop has dealt with all that happened before: a write of another partition, which goes at once.</summary>
    private static Task<int> ProbeAsync(WriteBatcher<int, int> batcher) => batcher.WriteAsync(-1).WithinDeadline();

    /// <summary>Tells for when the batcher's timer was last set.</summary>
    private sealed class AlarmClock : FakeTimeProvider
    {
        public TimeSpan Alarm { get; private set; }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            new Timer(this, base.CreateTimer(callback, state, dueTime, period));

        private sealed class Timer(AlarmClock clock, ITimer timer) : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period)
            {
                clock.Alarm = dueTime;
                return timer.Change(dueTime, period);
            }

            public void Dispose() => timer.Dispose();

            public ValueTask DisposeAsync() => timer.DisposeAsync();
        }
    }
}
