using System.Collections.Concurrent;
using Microsoft.Extensions.Time.Testing;
using Polly;
using Polly.Retry;

namespace Scaling.Batching.Tests;

public class StopTests
{
    [Fact]
    public async Task Flush_settles_what_came_before_also_during_a_split_and_sends_an_open_window()
    {
        var time = new FakeTimeProvider();
        await using var batcher = new WriteBatcher<int>(
            async (items, token) =>
            {
                await Task.Delay(1, token);
                if (items.Any(i => i % 10 == 3))
                {
                    throw new FormatException();
                }
            },
            new WriteBatcherOptions { MaxDelay = TimeSpan.FromMinutes(1) }, time);

        for (int round = 0; round < 20; round++)
        {
            ValueTask[] writes = [.. Enumerable.Range(0, 20).Select(i => batcher.WriteAsync(i))];
            await batcher.FlushAsync(TestContext.Current.CancellationToken).WithinDeadline();
            Assert.All(writes, write => Assert.True(write.IsCompleted));
            Exception?[] errors = await Task.WhenAll(writes.Select(write => write.AsTask().ErrorAsync()));
            Assert.Equal(2, errors.Count(error => error is FormatException));
        }
    }

    [Fact]
    public async Task A_flush_that_begins_during_a_split_waits_for_its_last_part()
    {
        var store = new HeldStore<int>();
        await using var batcher = new WriteBatcher<int, int>(store.WriteAsync);
        Task<int> ahead = batcher.WriteAsync(0).AsTask();
        HeldStore<int>.Call held = await store.NextAsync();
        ValueTask<int>[] two = [.. Enumerable.Range(1, 2).Select(i => batcher.WriteAsync(i))];
        held.Commit();
        (await store.NextAsync()).Fail(new FormatException());
        HeldStore<int>.Call left = await store.NextAsync();
        Task flush = batcher.FlushAsync(TestContext.Current.CancellationToken);
        left.Commit();
        Assert.Equal(1, await two[0].WithinDeadline());
        HeldStore<int>.Call right = await store.NextAsync();
        Task<int> later = batcher.WriteAsync(3).AsTask(); // not the flush's business
        Assert.False(flush.IsCompleted);
        right.Commit();
        await flush.WithinDeadline();
        Assert.True(two[1].IsCompletedSuccessfully);
        Assert.Equal(2, await two[1]);
        (await store.NextAsync()).Commit();
        await Task.WhenAll(ahead, later).WithinDeadline();
    }

    [Fact]
    public async Task A_flush_that_begins_during_a_retry_waits_for_its_end()
    {
        ResiliencePipeline retry = new ResiliencePipelineBuilder()
            .AddRetry(new RetryStrategyOptions { MaxRetryAttempts = 3, Delay = TimeSpan.Zero, ShouldHandle = new PredicateBuilder().Handle<TimeoutException>() })
            .Build();
        var store = new HeldStore<int>();
        await using var batcher = new WriteBatcher<int, int>(store.WriteAsync, new WriteBatcherOptions { Pipeline = retry });
        ValueTask<int> write = batcher.WriteAsync(1);
        (await store.NextAsync()).Fail(new TimeoutException());
        HeldStore<int>.Call second = await store.NextAsync();
        Task flush = batcher.FlushAsync(TestContext.Current.CancellationToken);
        second.Fail(new TimeoutException());
        HeldStore<int>.Call third = await store.NextAsync();
        Assert.False(flush.IsCompleted);
        Assert.False(write.IsCompleted);
        third.Commit();
        await flush.WithinDeadline();
        Assert.True(write.IsCompletedSuccessfully);
        Assert.Equal(1, await write);
    }

    [Fact]
    public async Task Stop_drains_what_is_queued_and_refuses_what_comes_later()
    {
        var written = new ConcurrentBag<int>();
        var batcher = new WriteBatcher<int>(async (items, token) =>
        {
            await Task.Delay(1, token);
            foreach (int item in items)
            {
                written.Add(item);
            }
        }, new WriteBatcherOptions { MaxBatchSize = 10, Capacity = 50 });
        Task[] writes = [.. Enumerable.Range(0, 300).Select(i => batcher.WriteAsync(i).AsTask())];
        await batcher.StopAsync(TestContext.Current.CancellationToken).WithinDeadline();
        await Task.WhenAll(writes).WithinDeadline();
        Assert.Equal(300, written.Count);
        Assert.Throws<WriteRejectedException>(() => { _ = batcher.WriteAsync(1).AsTask(); });
        await batcher.FlushAsync(TestContext.Current.CancellationToken).WithinDeadline();
        await batcher.DisposeAsync();
    }

    [Fact]
    public async Task Writes_that_race_with_a_stop_are_durable_or_throw()
    {
        for (int round = 0; round < 200; round++)
        {
            var written = new ConcurrentDictionary<int, bool>();
            var batcher = new WriteBatcher<int>((items, _) =>
            {
                foreach (int item in items)
                {
                    written[item] = true;
                }

                return Task.CompletedTask;
            });
            int next = 0;
            Task<int>[] writers = [.. Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
            {
                int done = 0;
                while (true)
                {
                    int item = Interlocked.Increment(ref next);
                    try
                    {
                        await batcher.WriteAsync(item);
                        Assert.True(written.ContainsKey(item));
                        done++;
                    }
                    catch (WriteRejectedException)
                    {
                        Assert.False(written.ContainsKey(item));
                        return done;
                    }
                }
            }))];
            await Eventually.HoldsAsync(() => Volatile.Read(ref next) > 20);
            await batcher.StopAsync().WithinDeadline();
            int[] acknowledged = await Task.WhenAll(writers).WithinDeadline();
            Assert.Equal(written.Count, acknowledged.Sum());
        }
    }

    [Fact]
    public async Task After_the_deadline_queued_writes_are_rejected_and_a_hanging_batch_is_unknown()
    {
        var time = new FakeTimeProvider();
        var store = new HeldStore<int>();
        var batcher = new WriteBatcher<int, int>(store.WriteAsync, new WriteBatcherOptions { Capacity = 2 }, time);
        Task<int> sent = batcher.WriteAsync(1).AsTask();
        HeldStore<int>.Call call = await store.NextAsync();
        Task<int> queued = batcher.WriteAsync(2).AsTask();
        Task<int> inLine = batcher.WriteAsync(3).AsTask();
        using var deadline = new CancellationTokenSource();
        Task stop = batcher.StopAsync(deadline.Token);
        Assert.False(stop.IsCompleted);
        await deadline.CancelAsync();
        Assert.IsType<WriteRejectedException>(await queued.ErrorAsync());
        Assert.IsType<WriteRejectedException>(await inLine.ErrorAsync());
        await Eventually.HoldsAsync(() => call.Token.IsCancellationRequested, "cancellation of the batch in flight");
        Assert.False(sent.IsCompleted);
        await Eventually.HoldsAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            return sent.IsCompleted;
        });
        Assert.IsType<WriteOutcomeUnknownException>(await sent.ErrorAsync());
        await stop.WithinDeadline();
        call.Commit(); // the delegate comes back at last: nothing happens
        Assert.Throws<WriteRejectedException>(() => { _ = batcher.WriteAsync(4).AsTask(); });
    }

    [Fact]
    public async Task A_flush_ends_with_a_stop_that_gives_up()
    {
        var time = new FakeTimeProvider();
        var store = new HeldStore<int>();
        var batcher = new WriteBatcher<int, int>(store.WriteAsync, timeProvider: time);
        Task<int> write = batcher.WriteAsync(1).AsTask();
        await store.NextAsync();
        Task flush = batcher.FlushAsync(TestContext.Current.CancellationToken);
        Task stop = batcher.StopAsync(new CancellationToken(canceled: true));
        await Eventually.HoldsAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            return stop.IsCompleted;
        });
        await flush.WithinDeadline();
        Assert.IsType<WriteOutcomeUnknownException>(await write.ErrorAsync());
    }

    [Fact]
    public async Task Giving_up_on_a_batch_leaves_alone_what_has_left_it_long_ago()
    {
        // The first caller of the batch gets its outcome while the rest is being written again, and writes to another batcher on the
        // same thread: with the same pooled object.
        var time = new FakeTimeProvider();
        HeldStore<int> store = new(), otherStore = new();
        await using var other = new WriteBatcher<int, int>(otherStore.WriteAsync);
        var batcher = new WriteBatcher<int, int>(store.WriteAsync, timeProvider: time);
        Task<int> first = batcher.WriteAsync(0).AsTask();
        HeldStore<int>.Call call = await store.NextAsync();
        Task<int> again = FailAndWriteElsewhereAsync();
        Task<int> stuck = batcher.WriteAsync(2).AsTask();
        call.Commit();
        await first.WithinDeadline();
        (await store.NextAsync()).Fail(new RowFaultException(0, new FormatException()));
        call = await store.NextAsync();
        Assert.Equal([2], call.Items);
        HeldStore<int>.Call elsewhere = await otherStore.NextAsync();

        Task stop = batcher.StopAsync(new CancellationToken(canceled: true));
        await Eventually.HoldsAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            return stop.IsCompleted;
        });
        Assert.IsType<WriteOutcomeUnknownException>(await stuck.ErrorAsync());
        elsewhere.Commit();
        Assert.Equal(3, await again.WithinDeadline());

        async Task<int> FailAndWriteElsewhereAsync()
        {
            try
            {
                return await batcher.WriteAsync(1).ConfigureAwait(false);
            }
            catch (FormatException)
            {
                return await other.WriteAsync(3).ConfigureAwait(false);
            }
        }
    }
}
