namespace Scaling.Batching.Tests;

public class CancellationTests
{
    [Fact]
    public async Task Cancelled_while_queued_is_never_written()
    {
        var store = new HeldStore<int>();
        await using var batcher = new WriteBatcher<int, int>(store.WriteAsync);
        using var cancel = new CancellationTokenSource();

        Task first = batcher.WriteAsync(1).AsTask();
        HeldStore<int>.Call held = await store.NextAsync();
        Task<int> queued = batcher.WriteAsync(2, cancel.Token).AsTask();
        Task<int> other = batcher.WriteAsync(3).AsTask();
        await cancel.CancelAsync();
        var error = Assert.IsAssignableFrom<OperationCanceledException>(await queued.ErrorAsync());
        Assert.Equal(cancel.Token, error.CancellationToken);

        held.Commit();
        HeldStore<int>.Call next = await store.NextAsync();
        next.Commit();
        await Task.WhenAll(first, other).WithinDeadline();
        Assert.Equal(3, Assert.Single(next.Items));
    }

    [Fact]
    public async Task Cancelled_after_it_was_sent_tells_the_true_outcome()
    {
        var store = new HeldStore<int>();
        await using var batcher = new WriteBatcher<int, int>(store.WriteAsync);
        using var cancel = new CancellationTokenSource();

        Task<int> alone = batcher.WriteAsync(0).AsTask();
        HeldStore<int>.Call held = await store.NextAsync();
        Task<int> impatient = batcher.WriteAsync(1, cancel.Token).AsTask();
        Task<int> patient = batcher.WriteAsync(2).AsTask();
        held.Commit();
        HeldStore<int>.Call both = await store.NextAsync();
        await cancel.CancelAsync();
        Assert.False(impatient.IsCompleted);
        Assert.False(both.Token.IsCancellationRequested, "the other caller still waits for the batch");
        both.Commit();

        Assert.Equal(1, await impatient.WithinDeadline());
        Assert.Equal(2, await patient.WithinDeadline());
        Assert.Equal(0, await alone.WithinDeadline());
    }

    [Fact]
    public async Task The_batch_is_cancelled_when_every_caller_has_gone()
    {
        var store = new HeldStore<int>();
        await using var batcher = new WriteBatcher<int, int>(store.WriteAsync);
        using var one = new CancellationTokenSource();
        using var two = new CancellationTokenSource();

        Task<int> alone = batcher.WriteAsync(0).AsTask();
        HeldStore<int>.Call held = await store.NextAsync();
        Task<int>[] both = [batcher.WriteAsync(1, one.Token).AsTask(), batcher.WriteAsync(2, two.Token).AsTask()];
        held.Commit();
        HeldStore<int>.Call call = await store.NextAsync();
        await one.CancelAsync();
        Assert.False(call.Token.IsCancellationRequested);
        await two.CancelAsync();
        await Eventually.HoldsAsync(() => call.Token.IsCancellationRequested, "cancellation of the batch");
        call.Fail(new OperationCanceledException(call.Token));

        Assert.All(both, task => Assert.IsAssignableFrom<OperationCanceledException>(task.ErrorAsync().Result));
        await alone.WithinDeadline();
    }

    [Fact]
    public async Task Full_waits_and_a_cancelled_waiter_leaves_the_line()
    {
        var store = new HeldStore<int>();
        await using var batcher = new WriteBatcher<int, int>(store.WriteAsync, new WriteBatcherOptions { Capacity = 2, MaxBatchSize = 1 });
        using var cancel = new CancellationTokenSource();

        Task<int>[] inside = [batcher.WriteAsync(1).AsTask(), batcher.WriteAsync(2).AsTask()];
        Task<int> impatient = batcher.WriteAsync(3, cancel.Token).AsTask();
        Task<int> patient = batcher.WriteAsync(4).AsTask();
        Task flush = batcher.FlushAsync(TestContext.Current.CancellationToken);
        await cancel.CancelAsync();
        Assert.IsAssignableFrom<OperationCanceledException>(await impatient.ErrorAsync());

        foreach (int expected in new[] { 1, 2, 4 })
        {
            Assert.False(flush.IsCompleted);
            HeldStore<int>.Call call = await store.NextAsync();
            Assert.Equal(expected, Assert.Single(call.Items));
            call.Commit();
        }

        await Task.WhenAll([.. inside, patient, flush]).WithinDeadline();
    }

    [Fact]
    public async Task Full_rejects_at_once_if_told_to_and_takes_again_after_room_came_back()
    {
        var store = new HeldStore<int>();
        await using var batcher = new WriteBatcher<int, int>(store.WriteAsync, new WriteBatcherOptions { Capacity = 1, RejectWhenFull = true });

        Task<int> first = batcher.WriteAsync(1).AsTask();
        Assert.Contains("full", Assert.Throws<WriteRejectedException>(() => { _ = batcher.WriteAsync(2).AsTask(); }).Message);
        (await store.NextAsync()).Commit();
        await first.WithinDeadline();
        Task<int> again = batcher.WriteAsync(3).AsTask();
        (await store.NextAsync()).Commit();
        Assert.Equal(3, await again.WithinDeadline());
    }

    [Fact]
    public async Task Bytes_bound_what_is_pending_and_an_item_that_never_fits_is_refused()
    {
        var store = new HeldStore<int>();
        await using var batcher = new WriteBatcher<int, int>(
            store.WriteAsync, new WriteBatcherOptions<int> { CapacityBytes = 100, SizeOf = i => i });

        Assert.Throws<ArgumentException>(() => { _ = batcher.WriteAsync(101).AsTask(); });
        Task<int> large = batcher.WriteAsync(90).AsTask();
        HeldStore<int>.Call call = await store.NextAsync();
        Task<int> waits = batcher.WriteAsync(20).AsTask();
        Task<int> alsoWaits = batcher.WriteAsync(5).AsTask(); // would fit, but must not overtake
        Assert.Single(store.Calls);
        call.Commit();
        HeldStore<int>.Call next = await store.NextAsync();
        next.Commit();
        if (next.Items.Length == 1)
        {
            (await store.NextAsync()).Commit();
        }

        int[] results = await Task.WhenAll(large, waits, alsoWaits).WithinDeadline();
        Assert.Equal([90, 20, 5], results);
    }
}
