using Microsoft.Extensions.Time.Testing;
using Polly;
using Polly.Retry;

namespace Scaling.Batching.Tests;

/// <summary>Whatever the delegate does, the loop lives on.</summary>
public class DelegateTests
{
    private static async Task<(Exception? Error, int After)> OnceThenWell(Func<IReadOnlyList<int>, Task<IReadOnlyList<int>>> misbehave)
    {
        int calls = 0;
        await using var batcher = new WriteBatcher<int, int>((items, _) =>
            calls++ == 0 ? misbehave(items) : Task.FromResult(items));
        Exception? error = await batcher.WriteAsync(1).AsTask().ErrorAsync();
        return (error, await batcher.WriteAsync(2).WithinDeadline());
    }

    [Fact]
    public async Task Throwing_at_once_fails_the_batch_with_that_error()
    {
        (Exception? error, int after) = await OnceThenWell(_ => throw new NotSupportedException("no"));
        Assert.IsType<NotSupportedException>(error);
        Assert.Equal(2, after);
    }

    [Fact]
    public async Task Throwing_later_fails_the_batch_with_that_error()
    {
        (Exception? error, int after) = await OnceThenWell(async _ =>
        {
            await Task.Yield();
            throw new NotSupportedException("no");
        });
        Assert.IsType<NotSupportedException>(error);
        Assert.Equal(2, after);
    }

    [Fact]
    public async Task Null_task_null_list_and_a_wrong_number_of_results_are_unknown_outcomes()
    {
        Assert.IsType<WriteOutcomeUnknownException>((await OnceThenWell(_ => null!)).Error);
        Assert.IsType<WriteOutcomeUnknownException>((await OnceThenWell(_ => Task.FromResult<IReadOnlyList<int>>(null!))).Error);
        (Exception? error, int after) = await OnceThenWell(_ => Task.FromResult<IReadOnlyList<int>>([1, 2]));
        Assert.Contains("given 1 items and returned 2 results", Assert.IsType<WriteOutcomeUnknownException>(error).Message);
        Assert.Equal(2, after);
    }

    [Fact]
    public async Task A_list_of_results_that_throws_half_way_is_an_unknown_outcome_and_room_comes_back()
    {
        var store = new HeldStore<int>();
        await using var batcher = new WriteBatcher<int, int>(store.WriteAsync);
        Task<int> first = batcher.WriteAsync(0).AsTask();
        HeldStore<int>.Call call = await store.NextAsync();
        Task<int>[] writes = [.. Enumerable.Range(1, 9).Select(i => batcher.WriteAsync(i).AsTask())];
        call.Commit();
        await first.WithinDeadline();
        (await store.NextAsync()).Answer(new ThrowsAt(9, 5));
        foreach (Task<int> write in writes)
        {
            Assert.IsType<WriteOutcomeUnknownException>(await write.ErrorAsync());
        }

        Task<int> next = batcher.WriteAsync(10).AsTask();
        (await store.NextAsync()).Commit();
        Assert.Equal(10, await next.WithinDeadline());
        await batcher.StopAsync().WithinDeadline(); // hangs if room was given back twice, or not at all
    }

    [Fact]
    public async Task A_delegate_that_blocks_its_thread_blocks_neither_another_batch_nor_a_stop()
    {
        using var release = new ManualResetEventSlim();
        using var entered = new ManualResetEventSlim();
        var time = new FakeTimeProvider();
        var batcher = new WriteBatcher<int, int>(
            (items, _) =>
            {
                if (items[0] == 1)
                {
                    entered.Set();
                    release.Wait(TestContext.Current.CancellationToken);
                }

                return Task.FromResult(items);
            },
            new WriteBatcherOptions { MaxConcurrentBatches = 2 },
            time);
        Task<int> blocked = batcher.WriteAsync(1).AsTask();
        await Eventually.HoldsAsync(() => entered.IsSet);
        Assert.Equal(2, await batcher.WriteAsync(2).WithinDeadline());
        Task stop = batcher.StopAsync(new CancellationToken(canceled: true));
        await Eventually.HoldsAsync(() => Advance(time, stop.IsCompleted), "the end of the stop");
        Assert.IsType<WriteOutcomeUnknownException>(await blocked.ErrorAsync());
        release.Set();
    }

    [Fact]
    public async Task A_hanging_delegate_is_abandoned_and_the_next_batch_goes()
    {
        var time = new FakeTimeProvider();
        var store = new HeldStore<int>();
        await using var batcher = new WriteBatcher<int, int>(store.WriteAsync, new WriteBatcherOptions { WriteTimeout = TimeSpan.FromSeconds(5) }, time);

        Task<int> hung = batcher.WriteAsync(1).AsTask();
        HeldStore<int>.Call call = await store.NextAsync();
        await Eventually.HoldsAsync(() => Advance(time, call.Token.IsCancellationRequested), "the token's cancellation");
        await Eventually.HoldsAsync(() => Advance(time, hung.IsCompleted), "the end of the hung write");
        Assert.IsType<WriteOutcomeUnknownException>(await hung.ErrorAsync());

        Task<int> next = batcher.WriteAsync(2).AsTask();
        (await store.NextAsync()).Commit();
        Assert.Equal(2, await next.WithinDeadline());
        call.Commit(); // late: nobody may notice
        await Task.Yield();
    }

    [Fact]
    public async Task A_delegate_that_obeys_its_token_times_out_as_not_written()
    {
        var time = new FakeTimeProvider();
        await using var batcher = new WriteBatcher<int>((_, token) => Task.Delay(Timeout.Infinite, token), null, time);
        Task write = batcher.WriteAsync(1).AsTask();
        await Eventually.HoldsAsync(() => Advance(time, write.IsCompleted), "the timeout");
        Assert.IsType<TimeoutException>(await write.ErrorAsync());
    }

    [Fact]
    public async Task The_pipeline_retries_failures_but_never_unknown_outcomes_nor_row_faults()
    {
        ResiliencePipeline everything = new ResiliencePipelineBuilder()
            .AddRetry(new RetryStrategyOptions { MaxRetryAttempts = 3, Delay = TimeSpan.Zero, ShouldHandle = new PredicateBuilder().Handle<Exception>() })
            .Build();
        int calls = 0;
        Exception thrown = new TimeoutException();
        await using var batcher = new WriteBatcher<int>((_, _) => ++calls < 3 ? throw thrown : Task.CompletedTask, new WriteBatcherOptions { Pipeline = everything });

        await batcher.WriteAsync(1).WithinDeadline();
        Assert.Equal(3, calls);

        foreach (Exception final in new Exception[] { new WriteOutcomeUnknownException("?"), new RowFaultException(0, new FormatException()) })
        {
            (calls, thrown) = (0, final);
            Assert.NotNull(await batcher.WriteAsync(1).AsTask().ErrorAsync());
            Assert.Equal(1, calls);
        }

        // Safe to repeat: the pipeline sees the store's own error, and success takes the doubt away.
        (calls, thrown) = (0, new WriteOutcomeUnknownException("?", new IOException(), isSafeToRepeat: true));
        await batcher.WriteAsync(1).WithinDeadline();
        Assert.Equal(3, calls);

        // The doubt outlives a later failure.
        (calls, thrown) = (-10, new WriteOutcomeUnknownException("?", new IOException(), isSafeToRepeat: true));
        Assert.IsType<WriteOutcomeUnknownException>(await batcher.WriteAsync(1).AsTask().ErrorAsync());
        Assert.Equal(-6, calls);
    }

    [Fact]
    public async Task A_dead_letter_callback_sees_every_failed_write_and_cannot_harm_it()
    {
        var seen = new List<int>();
        await using var batcher = new WriteBatcher<int>(
            (items, _) => items.Contains(13) ? throw new FormatException("13") : Task.CompletedTask,
            new WriteBatcherOptions<int>
            {
                OnDeadLetter = (item, _) =>
                {
                    seen.Add(item);
                    throw new InvalidOperationException("callback");
                },
            });
        Task[] writes = [.. Enumerable.Range(0, 100).Select(i => batcher.WriteAsync(i).AsTask())];
        Exception?[] errors = await Task.WhenAll(writes.Select(write => write.ErrorAsync()));
        Assert.IsType<FormatException>(Assert.Single(errors, error => error is not null));
        Assert.Equal(13, Assert.Single(seen));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Keys_that_cannot_be_compared_end_the_batcher_and_leave_nobody_waiting(bool forOrder)
    {
        var store = new HeldStore<int>();
        var options = new WriteBatcherOptions<int> { MaxBatchSize = 10 };
        (options.OrderBy, options.PartitionBy) = forOrder ? ((Func<int, object>?)Key, (Func<int, object>?)null) : (null, Key);
        var batcher = new WriteBatcher<int, int>(store.WriteAsync, options);
        Task<int> first = batcher.WriteAsync(0).AsTask();
        HeldStore<int>.Call call = await store.NextAsync();
        Task<int>[] writes = [.. Enumerable.Range(1, 40).Select(i => batcher.WriteAsync(i).AsTask())];
        call.Commit();
        await Eventually.HoldsAsync(() =>
        {
            store.TryNext()?.Commit();
            return Array.TrueForAll(writes, write => write.IsCompleted);
        });
        Assert.IsType<WriteRejectedException>(await writes[^1].ErrorAsync());
        Assert.Throws<WriteRejectedException>(() => { _ = batcher.WriteAsync(41).AsTask(); });
        await batcher.StopAsync().WithinDeadline();
        _ = await first.ErrorAsync();

        static object Key(int i) => new ThrowingKey(i);
    }

    private static bool Advance(FakeTimeProvider time, bool done)
    {
        if (!done)
        {
            time.Advance(TimeSpan.FromSeconds(1));
        }

        return done;
    }

    private sealed class ThrowsAt(int count, int index) : IReadOnlyList<int>
    {
        public int Count => count;

        public int this[int i] => i == index ? throw new InvalidOperationException("lost") : i + 1;

        public IEnumerator<int> GetEnumerator() => throw new NotSupportedException();

        System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => throw new NotSupportedException();
    }

    private sealed record ThrowingKey(int Number)
    {
        public override int GetHashCode() => Number < 25 ? 0 : throw new InvalidOperationException("no hash");
    }
}
