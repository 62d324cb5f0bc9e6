using Microsoft.Extensions.Time.Testing;

namespace Scaling.Sharding.Tests;

public sealed class ShardSetTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task Sixteen_threads_see_one_of_the_published_maps_during_ten_thousand_swaps()
    {
        // Odd versions know shards a and b, even ones b and c: a torn read would look up a shard without a resource.
        var map = new ShardMap(["a", "b"], slotCount: 64);
        await using ShardSet<Resource> shards = Set(map);
        var published = new System.Collections.Concurrent.ConcurrentDictionary<long, ulong> { [map.Version] = map.Fingerprint };
        using var done = new CancellationTokenSource();
        Task<long>[] readers = [.. Enumerable.Range(0, 16).Select(thread => Task.Factory.StartNew(
            () =>
            {
                long seen = 0;
                for (long key = thread; !done.IsCancellationRequested; key += 16)
                {
                    Assert.NotNull(shards[key]);
                    var current = (ShardMap)shards.Map;
                    Assert.Equal(published[current.Version], current.Fingerprint);
                    Assert.True(current.Version >= seen);
                    seen = current.Version;
                }

                return seen;
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default))];
        for (int swap = 0; swap < 10_000; swap++)
        {
            map = swap % 2 == 0 ? map.With(["b", "c"]) : map.With(["a", "b"]);
            published[map.Version] = map.Fingerprint;
            Assert.True(shards.TrySwap(map));
        }

        await done.CancelAsync();
        await Task.WhenAll(readers);
        Assert.Equal(10_001, shards.Map.Version);
    }

    [Fact]
    public async Task An_older_map_never_replaces_a_newer_one_and_two_authors_of_one_version_are_told()
    {
        var first = new ShardMap(["a", "b"]);
        ShardMap second = first.Add("c");
        await using ShardSet<Resource> shards = Set(second);
        Assert.False(shards.TrySwap(first));
        Assert.False(shards.TrySwap(ShardMap.FromJson(second.ToJson())));
        Assert.Throws<InvalidOperationException>(() => shards.TrySwap(first.Add("d")));
        Assert.Same(second, shards.Map);
    }

    [Fact]
    public async Task A_resource_outlives_its_shard_for_the_retire_delay_and_comes_back_with_it()
    {
        await using ShardSet<Resource> shards = Set(new HashRing(["a", "b"]), new ShardSetOptions { RetireDelay = TimeSpan.FromMinutes(1) });
        Resource b = shards.GetResource("b");

        shards.TrySwap(new HashRing(["a"]));
        _time.Advance(TimeSpan.FromSeconds(59));
        Assert.False(b.Disposed);
        shards.TrySwap(new HashRing(["a", "b"]));
        Assert.Same(b, shards.GetResource("b"));
        _time.Advance(TimeSpan.FromMinutes(5));
        Assert.False(b.Disposed);

        shards.TrySwap(new HashRing(["a"]));
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.True(b.Disposed);
        Assert.Throws<ArgumentException>(() => shards.GetResource("b"));
    }

    [Fact]
    public async Task Disposing_the_set_disposes_every_resource_even_when_one_refuses()
    {
        ShardSet<Resource> shards = Set(new HashRing(["a", "b", "c"]));
        Resource[] all = [shards.GetResource("a"), shards.GetResource("b"), shards.GetResource("c")];
        all[1].FailsToDispose = true;
        shards.TrySwap(new HashRing(["a", "b"]));
        await Assert.ThrowsAsync<AggregateException>(async () => await shards.DisposeAsync());
        Assert.All(all, resource => Assert.True(resource.Disposed));
        await shards.DisposeAsync();
        Assert.Throws<ObjectDisposedException>(() => shards.TrySwap(new HashRing(["a"])));
    }

    [Fact]
    public async Task A_factory_that_fails_leaves_the_old_map_in_force()
    {
        await using var shards = new ShardSet<Resource>(new HashRing(["a"]), name => name == "b" ? throw new IOException("no b") : new Resource(name));
        Assert.Throws<IOException>(() => shards.TrySwap(new HashRing(["a", "b"])));
        Assert.Equal(["a"], shards.Map.Shards);
    }

    [Fact]
    public async Task Query_all_answers_in_the_order_of_the_map_and_asks_no_more_shards_at_once_than_allowed()
    {
        await using ShardSet<Resource> shards = Set(new HashRing(Names(20)), new ShardSetOptions { MaxFanOut = 3 });
        int now = 0, most = 0;
        IReadOnlyList<string> answers = await shards.QueryAllAsync(async (resource, ct) =>
        {
            int running = Interlocked.Increment(ref now);
            InterlockedMax(ref most, running);
            await Task.Yield();
            Interlocked.Decrement(ref now);
            return resource.Name;
        });
        Assert.Equal(shards.Map.Shards, answers);
        Assert.InRange(most, 1, 3);
    }

    [Fact]
    public async Task The_first_failure_fails_the_query_names_the_shard_and_cancels_the_others()
    {
        await using ShardSet<Resource> shards = Set(new HashRing(Names(8)));
        int cancelled = 0, asked = 0;
        var allAsked = new TaskCompletionSource();
        ShardException error = await Assert.ThrowsAsync<ShardException>(() => shards.QueryAllAsync(async (resource, ct) =>
        {
            if (Interlocked.Increment(ref asked) == 8)
            {
                allAsked.SetResult();
            }

            if (resource.Name == "s5")
            {
                await allAsked.Task;
                throw new IOException("disk full");
            }

            await using CancellationTokenRegistration registration = ct.Register(() => Interlocked.Increment(ref cancelled));
            await Task.Delay(Timeout.Infinite, ct);
            return 0;
        }));
        Assert.Equal("s5", error.Shard);
        Assert.IsType<IOException>(error.InnerException);
        Assert.Equal(7, cancelled);
    }

    [Fact]
    public async Task Partial_results_hold_an_answer_or_an_error_for_every_shard_also_when_one_ignores_the_deadline()
    {
        await using ShardSet<Resource> shards = Set(new HashRing(["dead", "ok", "stuck"]), new ShardSetOptions { QueryTimeout = TimeSpan.FromSeconds(2) });
        var never = new TaskCompletionSource<string>();
        Task<IReadOnlyList<ShardResult<string>>> query = shards.TryQueryAllAsync((resource, ct) => resource.Name switch
        {
            "dead" => throw new IOException("gone"),
            "stuck" => never.Task,
            string name => Task.FromResult(name),
        });
        Assert.False(query.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(2));
        IReadOnlyList<ShardResult<string>> results = await query;
        Assert.Equal(["dead", "ok", "stuck"], results.Select(result => result.Shard));
        Assert.IsType<IOException>(results[0].Error!.InnerException);
        Assert.Equal("ok", results[1].Value);
        Assert.IsType<TimeoutException>(results[2].Error!.InnerException);
        Assert.Throws<ShardException>(() => results[2].Value);
    }

    [Fact]
    public async Task The_callers_cancellation_is_a_cancellation_and_no_shards_fault()
    {
        await using ShardSet<Resource> shards = Set(new HashRing(["a", "b"]));
        using var cancel = new CancellationTokenSource();
        Task query = shards.TryQueryAllAsync(async (_, ct) =>
        {
            await Task.Delay(Timeout.Infinite, ct);
            return 0;
        }, cancel.Token);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => query);
    }

    private static string[] NamesOf(int count) => [.. Enumerable.Range(0, count).Select(i => $"s{i}")];

    private static IEnumerable<Shard> Names(int count) => NamesOf(count).Select(name => new Shard(name));

    private static void InterlockedMax(ref int target, int value)
    {
        for (int seen = target; value > seen; seen = target)
        {
            Interlocked.CompareExchange(ref target, value, seen);
        }
    }

    private ShardSet<Resource> Set(IShardMap map, ShardSetOptions? options = null) => new(map, name => new Resource(name), options, _time);

    private sealed class Resource(string name) : IAsyncDisposable
    {
        public string Name { get; } = name;

        public bool Disposed { get; private set; }

        public bool FailsToDispose { get; set; }

        public ValueTask DisposeAsync()
        {
            Disposed = true;
            return FailsToDispose ? throw new IOException("will not close") : ValueTask.CompletedTask;
        }
    }
}
