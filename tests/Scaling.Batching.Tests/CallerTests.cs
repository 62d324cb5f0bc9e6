using System.Runtime.CompilerServices;

namespace Scaling.Batching.Tests;

/// <summary>What a caller does with its outcome, where and for how long, is its own business: no other caller notices.</summary>
public class CallerTests
{
    [Fact]
    public async Task A_callers_blocking_continuation_does_not_delay_another_write()
    {
        await using var batcher = new WriteBatcher<int, int>((items, _) => Task.FromResult(items));
        using var release = new ManualResetEventSlim();
        Task blocked = BlockAfterWriteAsync();
        for (int i = 0; i < 100; i++)
        {
            Assert.Equal(i, await batcher.WriteAsync(i).WithinDeadline());
        }

        Assert.False(blocked.IsCompleted);
        release.Set();
        await blocked.WithinDeadline();

        async Task BlockAfterWriteAsync()
        {
            await batcher.WriteAsync(-1).ConfigureAwait(false);
            release.Wait(TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public async Task A_context_that_throws_harms_only_its_own_caller()
    {
        var store = new HeldStore<int>();
        await using var batcher = new WriteBatcher<int, int>(store.WriteAsync);
        SynchronizationContext? before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(new ThrowingContext());
        _ = WriteUnderThatContextAsync();
        SynchronizationContext.SetSynchronizationContext(before);
        HeldStore<int>.Call first = await store.NextAsync();
        Task<int> good = batcher.WriteAsync(2).AsTask();
        first.Commit();
        (await store.NextAsync()).Commit();
        Assert.Equal(2, await good.WithinDeadline());

        async Task WriteUnderThatContextAsync() => await batcher.WriteAsync(1);
    }

    [Fact]
    public async Task AsyncLocals_of_creator_and_callers_do_not_reach_the_delegate()
    {
        var local = new AsyncLocal<string?> { Value = "creator" };
        string? seen = "nothing yet";
        await using var batcher = new WriteBatcher<int>((_, _) =>
        {
            seen = local.Value;
            return Task.CompletedTask;
        });
        local.Value = "caller";
        await batcher.WriteAsync(1);
        Assert.Null(seen);
    }

    [Fact]
    public async Task A_plain_continuation_keeps_its_own_context_and_may_be_set_once()
    {
        var store = new HeldStore<int>();
        await using var batcher = new WriteBatcher<int, int>(store.WriteAsync);
        var local = new AsyncLocal<string?> { Value = "caller" };
        var seen = new TaskCompletionSource<string?>();
        Listen(batcher.WriteAsync(1));
        local.Value = "later";
        (await store.NextAsync()).Commit();
        Assert.Equal("caller 1", await seen.Task.WithinDeadline());

        void Listen(ValueTask<int> write)
        {
            ValueTaskAwaiter<int> awaiter = write.GetAwaiter();
            awaiter.OnCompleted(() => seen.SetResult($"{local.Value} {awaiter.GetResult()}"));
            Assert.Throws<InvalidOperationException>(() => awaiter.OnCompleted(() => { }));
        }
    }

    [Fact]
    public async Task Callers_that_block_hold_up_nobody_in_their_own_batch()
    {
        const int Callers = 300;
        var store = new HeldStore<int>();
        await using var batcher = new WriteBatcher<int, int>(store.WriteAsync);
        using var release = new ManualResetEventSlim();
        Task<int> first = batcher.WriteAsync(-1).AsTask();
        HeldStore<int>.Call call = await store.NextAsync();
        Task[] callers = [.. Enumerable.Range(0, Callers).Select(WriteAsync)];
        call.Commit();
        await first.WithinDeadline();
        call = await store.NextAsync();
        Assert.Equal(Callers, call.Items.Length);
        call.Commit();
        await Task.WhenAll(callers.Where((_, i) => !Blocks(i))).WithinDeadline();
        Assert.DoesNotContain(callers.Where((_, i) => Blocks(i)), caller => caller.IsCompleted);
        release.Set();
        await Task.WhenAll(callers).WithinDeadline();

        async Task WriteAsync(int i)
        {
            await batcher.WriteAsync(i).ConfigureAwait(false);
            if (Blocks(i))
            {
                release.Wait(TestContext.Current.CancellationToken);
            }
        }

        static bool Blocks(int i) => i is 0 or 150 or Callers - 1;
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_caller_that_blocks_in_its_context_holds_up_nobody(bool isBaseContext)
    {
        var store = new HeldStore<int>();
        await using var batcher = new WriteBatcher<int, int>(store.WriteAsync);
        using var release = new ManualResetEventSlim();
        Task<int> first = batcher.WriteAsync(1).AsTask();
        HeldStore<int>.Call call = await store.NextAsync();
        SynchronizationContext? before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(isBaseContext ? new SynchronizationContext() : new OnTheSpotContext());
        Task blocked = BlockAfterWriteAsync();
        SynchronizationContext.SetSynchronizationContext(before);
        Task<int> other = batcher.WriteAsync(3).AsTask();
        call.Commit();
        call = await store.NextAsync();
        Assert.Equal([2, 3], call.Items);
        call.Commit();
        await Task.WhenAll(first, other).WithinDeadline();
        Task<int> next = batcher.WriteAsync(4).AsTask();
        (await store.NextAsync()).Commit();
        await next.WithinDeadline();
        Assert.False(blocked.IsCompleted);
        release.Set();
        await blocked.WithinDeadline();

        async Task BlockAfterWriteAsync()
        {
            await batcher.WriteAsync(2);
            release.Wait(TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public async Task What_a_caller_leaves_on_its_thread_does_not_reach_the_next_caller()
    {
        const int Callers = 200;
        var store = new HeldStore<int>();
        await using var batcher = new WriteBatcher<int, int>(store.WriteAsync);
        var local = new AsyncLocal<int>();
        var seen = new (int Local, SynchronizationContext? Context)[Callers];
        using var all = new CountdownEvent(Callers);
        Task<int> first = batcher.WriteAsync(-1).AsTask();
        HeldStore<int>.Call call = await store.NextAsync();
        using (ExecutionContext.SuppressFlow())
        {
            foreach (int i in Enumerable.Range(0, Callers))
            {
                Listen(batcher.WriteAsync(i), i);
            }
        }

        call.Commit();
        await first.WithinDeadline();
        (await store.NextAsync()).Commit();
        await Eventually.HoldsAsync(() => all.IsSet, "all continuations");
        Assert.All(seen, what => Assert.Equal((0, null), what));

        // A bare continuation: nothing puts the thread's contexts back behind it.
        void Listen(ValueTask<int> write, int i)
        {
            ValueTaskAwaiter<int> awaiter = write.GetAwaiter();
            awaiter.UnsafeOnCompleted(() =>
            {
                seen[i] = (local.Value, SynchronizationContext.Current);
                local.Value = i + 1;
                SynchronizationContext.SetSynchronizationContext(new OnTheSpotContext());
                awaiter.GetResult();
                all.Signal();
            });
        }
    }

    [Fact]
    public async Task An_error_that_many_callers_share_does_not_grow_with_each_of_them()
    {
        var store = new HeldStore<int>();
        await using var batcher = new WriteBatcher<int, int>(store.WriteAsync);
        Task<int> first = batcher.WriteAsync(-1).AsTask();
        HeldStore<int>.Call call = await store.NextAsync();
        Task<Exception?>[] callers = [.. Enumerable.Range(0, 500).Select(i => batcher.WriteAsync(i).AsTask().ErrorAsync())];
        call.Commit();
        await first.WithinDeadline();
        var error = new IOException("gone");
        (await store.NextAsync()).Fail(error);
        Assert.All(await Task.WhenAll(callers).WithinDeadline(), seen => Assert.Same(error, seen));
        Assert.InRange(error.StackTrace!.Split('\n').Length, 1, 100);
    }

    [Fact]
    public async Task An_outcome_that_is_taken_before_the_continuation_has_run_costs_no_later_write_its_own()
    {
        var store = new HeldStore<int>();
        await using var batcher = new WriteBatcher<int, int>(store.WriteAsync);
        for (int round = 0; round < 200; round++)
        {
            int ran = 0;
            ValueTaskAwaiter<int> awaiter = Listen(batcher.WriteAsync(round), () => Interlocked.Increment(ref ran));
            (await store.NextAsync()).Commit();
            Assert.True(SpinWait.SpinUntil(() => awaiter.IsCompleted, 30_000));
            Assert.Equal(round, Take(awaiter)); // perhaps before the pool has run the continuation

            Task<int> next = batcher.WriteAsync(-round).AsTask(); // on this thread: it would be given the same object
            Assert.False(next.IsCompleted);
            (await store.NextAsync()).Commit();
            Assert.Equal(-round, await next.WithinDeadline());
            await Eventually.HoldsAsync(() => Volatile.Read(ref ran) == 1, "the continuation");
        }

        static ValueTaskAwaiter<int> Listen(ValueTask<int> write, Action continuation)
        {
            ValueTaskAwaiter<int> awaiter = write.GetAwaiter();
            awaiter.UnsafeOnCompleted(continuation);
            return awaiter;
        }

        static int Take(ValueTaskAwaiter<int> awaiter) => awaiter.GetResult();
    }

    private sealed class OnTheSpotContext : SynchronizationContext
    {
        public override void Post(SendOrPostCallback d, object? state) => d(state);
    }

    private sealed class ThrowingContext : SynchronizationContext
    {
        public override void Post(SendOrPostCallback d, object? state) => throw new InvalidOperationException("context is gone");
    }
}
