using System.Collections.Concurrent;
using Microsoft.Extensions.Time.Testing;

namespace Scaling.Batching.Tests;

public class WriteBatcherTests
{
    [Fact]
    public async Task Idle_sends_at_once_and_busy_gathers()
    {
        var store = new HeldStore<int>();
        await using var batcher = new WriteBatcher<int, int>(store.WriteAsync);

        Task<int> first = batcher.WriteAsync(1).AsTask();
        HeldStore<int>.Call alone = await store.NextAsync();
        Task<int>[] more = [.. Enumerable.Range(2, 50).Select(i => batcher.WriteAsync(i).AsTask())];
        Assert.Equal(1, Assert.Single(alone.Items));
        alone.Commit();
        HeldStore<int>.Call gathered = await store.NextAsync();
        gathered.Commit();

        Assert.Equal(1, await first);
        Assert.Equal(Enumerable.Range(2, 50), await Task.WhenAll(more).WithinDeadline());
        Assert.Equal(Enumerable.Range(2, 50), gathered.Items);
    }

    [Fact]
    public async Task Callers_who_write_again_at_once_are_in_the_next_batch_together()
    {
        const int Callers = 500;
        var time = new FakeTimeProvider();
        var store = new HeldStore<int>();
        await using var batcher = new WriteBatcher<int, int>(store.WriteAsync, timeProvider: time);
        Task<int> first = batcher.WriteAsync(-1).AsTask();
        HeldStore<int>.Call ahead = await store.NextAsync();
        Task[] callers = [.. Enumerable.Range(0, Callers).Select(WriteTwiceAsync)];
        ahead.Commit();
        HeldStore<int>.Call all = await store.NextAsync();
        Assert.Equal(Callers, all.Items.Length);
        Task<int> waiting = batcher.WriteAsync(-2).AsTask(); // could go alone as soon as the store is free
        time.Advance(TimeSpan.FromSeconds(1)); // so there is a pause, and as the clock stands from here on it ends with the callers alone
        all.Commit();
        HeldStore<int>.Call next = await store.NextAsync();
        next.Commit();
        Task everyone = Task.WhenAll([first, waiting, .. callers]);
        await Eventually.HoldsAsync(() =>
        {
            store.TryNext()?.Commit();
            return everyone.IsCompletedSuccessfully;
        });
        Assert.InRange(next.Items.Length, Callers * 4 / 5, Callers + 1); // a thread that lets one go on may be interrupted over it

        async Task WriteTwiceAsync(int i)
        {
            await batcher.WriteAsync(i).ConfigureAwait(false);
            await batcher.WriteAsync(i).ConfigureAwait(false);
        }
    }

    [Fact]
    public async Task No_batch_exceeds_its_size_and_order_is_kept()
    {
        var seen = new ConcurrentQueue<IReadOnlyList<int>>();
        await using var batcher = new WriteBatcher<int>(
            async (items, _) =>
            {
                seen.Enqueue(items);
                await Task.Yield();
            },
            new WriteBatcherOptions { MaxBatchSize = 7 });

        await Task.WhenAll(Enumerable.Range(0, 1000).Select(i => batcher.WriteAsync(i).AsTask())).WithinDeadline();

        Assert.All(seen, batch => Assert.InRange(batch.Count, 1, 7));
        Assert.Equal(Enumerable.Range(0, 1000), seen.SelectMany(batch => batch));
    }

    [Fact]
    public async Task With_two_batches_in_flight_each_takes_its_share_of_what_is_pending()
    {
        var store = new HeldStore<int>();
        await using var batcher = new WriteBatcher<int, int>(store.WriteAsync, new WriteBatcherOptions { MaxConcurrentBatches = 2 });

        List<Task> writes = [batcher.WriteAsync(0).AsTask()];
        HeldStore<int>.Call first = await store.NextAsync();
        writes.Add(batcher.WriteAsync(1).AsTask());
        HeldStore<int>.Call second = await store.NextAsync(); // a slot is free, and half of two is one
        writes.AddRange(Enumerable.Range(2, 8).Select(i => batcher.WriteAsync(i).AsTask()));
        first.Commit();
        HeldStore<int>.Call third = await store.NextAsync();
        Assert.Equal([2, 3, 4, 5, 6], third.Items); // half of nine
        second.Commit();
        HeldStore<int>.Call fourth = await store.NextAsync();
        Assert.Equal([7, 8, 9], fourth.Items); // less than half, but one has come back
        third.Commit();
        fourth.Commit();
        await Task.WhenAll(writes).WithinDeadline();
    }

    [Fact]
    public async Task A_partition_is_never_mixed_with_another()
    {
        var seen = new ConcurrentQueue<IReadOnlyList<int>>();
        await using var batcher = new WriteBatcher<int>(
            async (items, _) =>
            {
                seen.Enqueue(items);
                await Task.Yield();
            },
            new WriteBatcherOptions<int> { PartitionBy = i => i % 3 });

        await Task.WhenAll(Enumerable.Range(0, 3000).Select(i => batcher.WriteAsync(i).AsTask())).WithinDeadline();

        Assert.All(seen, batch => Assert.Single(batch.Select(i => i % 3).Distinct()));
        Assert.Equal(3000, seen.Sum(batch => batch.Count));
    }

    [Fact]
    public async Task A_partition_that_comes_and_goes_has_no_more_batches_in_flight_than_it_may()
    {
        const int Keys = 3, CallersPerKey = 4, Writes = 2_000;
        var inFlight = new int[Keys];
        int tooMany = 0;
        await using var batcher = new WriteBatcher<int>(
            async (items, _) =>
            {
                if (Interlocked.Increment(ref inFlight[items[0]]) > 1)
                {
                    Interlocked.Increment(ref tooMany);
                }

                await Task.Yield();
                Interlocked.Decrement(ref inFlight[items[0]]);
            },
            new WriteBatcherOptions<int> { PartitionBy = key => key });
        await Task.WhenAll(Enumerable.Range(0, Keys * CallersPerKey).Select(caller => Task.Run(async () =>
        {
            for (int i = 0; i < Writes; i++)
            {
                await batcher.WriteAsync(caller % Keys);
            }
        }))).WithinDeadline();
        Assert.Equal(0, tooMany);
    }

    [Fact]
    public async Task A_held_partition_does_not_hold_another()
    {
        var store = new HeldStore<string>();
        await using var batcher = new WriteBatcher<string, string>(store.WriteAsync, new WriteBatcherOptions<string> { PartitionBy = s => s });

        Task dead = batcher.WriteAsync("dead").AsTask();
        HeldStore<string>.Call held = await store.NextAsync();
        Task alive = batcher.WriteAsync("alive").AsTask();
        (await store.NextAsync()).Commit();
        await alive.WithinDeadline();
        Assert.False(dead.IsCompleted);
        held.Commit();
        await dead.WithinDeadline();
    }

    [Fact]
    public async Task Writes_of_one_key_keep_their_order_while_batches_of_other_keys_run_beside_them()
    {
        var written = new ConcurrentDictionary<int, List<int>>();
        var inFlight = new ConcurrentDictionary<int, int>();
        int most = 0, running = 0;
        await using var batcher = new WriteBatcher<(int Key, int Value)>(
            async (items, token) =>
            {
                most = Math.Max(most, Interlocked.Increment(ref running));
                int[] keys = [.. items.Select(item => item.Key).Distinct()];
                Assert.All(keys, key => Assert.True(inFlight.TryAdd(key, 0), $"key {key} is in two batches"));
                await Task.Delay(Random.Shared.Next(2), token);
                foreach ((int key, int value) in items)
                {
                    written.GetOrAdd(key, _ => []).Add(value);
                }

                Assert.All(keys, key => Assert.True(inFlight.TryRemove(key, out int _)));
                Interlocked.Decrement(ref running);
            },
            new WriteBatcherOptions<(int Key, int Value)> { OrderBy = item => item.Key, MaxConcurrentBatches = 4, MaxBatchSize = 5 });

        await Task.WhenAll(Enumerable.Range(0, 4000).Select(i => batcher.WriteAsync((i % 23 % 11, i)).AsTask())).WithinDeadline();

        Assert.True(most > 1, "batches ran beside each other");
        Assert.Equal(4000, written.Values.Sum(values => values.Count));
        Assert.All(written.Values, values => Assert.Equal(values.Order(), values));
    }

    [Fact]
    public void Options_for_another_item_type_are_refused() =>
        Assert.Throws<ArgumentException>(() => new WriteBatcher<int>((_, _) => Task.CompletedTask, new WriteBatcherOptions<string>()));

    [Theory]
    [InlineData(nameof(WriteBatcherOptions.MaxBatchSize))]
    [InlineData(nameof(WriteBatcherOptions.Capacity))]
    [InlineData(nameof(WriteBatcherOptions.CapacityBytes))]
    [InlineData(nameof(WriteBatcherOptions.MaxDelay))]
    [InlineData(nameof(WriteBatcherOptions.MaxConcurrentBatches))]
    [InlineData(nameof(WriteBatcherOptions.WriteTimeout))]
    [InlineData(nameof(WriteBatcherOptions<int>.SizeOf))]
    public void An_option_out_of_range_names_itself_and_the_remedy(string option)
    {
        var options = new WriteBatcherOptions<int>
        {
            MaxBatchSize = option == nameof(WriteBatcherOptions.MaxBatchSize) ? 0 : 1,
            Capacity = option == nameof(WriteBatcherOptions.Capacity) ? 0 : 1,
            CapacityBytes = option switch { nameof(WriteBatcherOptions.CapacityBytes) => 0, nameof(WriteBatcherOptions<int>.SizeOf) => 1, _ => null },
            MaxDelay = TimeSpan.FromSeconds(option == nameof(WriteBatcherOptions.MaxDelay) ? -1 : 0),
            MaxConcurrentBatches = option == nameof(WriteBatcherOptions.MaxConcurrentBatches) ? 0 : 1,
            WriteTimeout = TimeSpan.FromSeconds(option == nameof(WriteBatcherOptions.WriteTimeout) ? 0 : 1),
        };

        var error = Assert.Throws<ArgumentOutOfRangeException>(() => new WriteBatcher<int>((_, _) => Task.CompletedTask, options));
        Assert.Equal(option, error.ParamName);
        Assert.Contains("must be", error.Message);
    }
}
