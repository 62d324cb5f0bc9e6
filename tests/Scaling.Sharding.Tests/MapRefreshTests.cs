using Microsoft.Extensions.Time.Testing;

namespace Scaling.Sharding.Tests;

/// <summary>A set with <see cref="ShardSetOptions.LoadMap"/> follows moves by itself, also for reads that no fence refuses.</summary>
public sealed class MapRefreshTests
{
    private static readonly ShardMap First = new(["a"]);

    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task After_a_second_a_call_sets_off_a_look_up_and_does_not_wait_for_it()
    {
        var loads = new Loads();
        await using ShardSet<string> shards = Set(loads);
        await AskAsync(shards);
        Assert.Equal(0, loads.Begun);

        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(1, await AskAsync(shards)); // the look-up hangs
        await AskAsync(shards);
        await loads.Beginning;
        Assert.Equal(1, loads.Begun);

        loads.Answer(First.Add("b"));
        while (shards.Map.Version == 1)
        {
            await Task.Yield();
        }

        Assert.Equal(2, await AskAsync(shards));
    }

    [Fact]
    public async Task After_three_seconds_every_kind_of_call_waits_for_the_map_in_force()
    {
        Func<ShardSet<string>, Task<int>>[] calls = [
            AskAsync,
            async shards => (await shards.TryQueryAllAsync((name, _) => Task.FromResult(name))).Count,
            async shards => (await shards.QueryPageAsync(new ShardOrder<string>(StringComparer.Ordinal, name => name), (name, _, _, _) => Task.FromResult<IReadOnlyList<string>>([name]), 10)).Items.Count,
            async shards => await shards.MergeAsync((name, _) => new[] { name }.ToAsyncEnumerable(), StringComparer.Ordinal).CountAsync(),
            async shards => await shards.ExecuteAsync(1, (_, _) => Task.FromResult(shards.Map.Shards.Count)),
        ];
        foreach (Func<ShardSet<string>, Task<int>> call in calls)
        {
            var loads = new Loads();
            await using ShardSet<string> shards = Set(loads);
            _time.Advance(TimeSpan.FromSeconds(3)); // a frozen process wakes up
            Task<int> waiting = call(shards);
            await loads.Beginning;
            Assert.False(waiting.IsCompleted);
            loads.Answer(First.Add("b"));
            Assert.Equal(2, await waiting);
        }
    }

    [Fact]
    public async Task A_look_up_that_hangs_holds_a_call_for_one_second_and_the_next_ones_not_at_all()
    {
        var loads = new Loads();
        await using ShardSet<string> shards = Set(loads);
        _time.Advance(TimeSpan.FromSeconds(3));
        Task<int> waiting = AskAsync(shards);
        await loads.Beginning;
        Assert.False(waiting.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(1, await waiting);
        Assert.Equal(1, await AskAsync(shards));
    }

    [Fact]
    public async Task A_look_up_that_fails_leaves_the_map_in_force()
    {
        await using ShardSet<string> shards = Set(_ => throw new IOException("no shard answers"));
        _time.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(1, await AskAsync(shards));
    }

    [Fact]
    public async Task A_caller_who_gives_up_does_not_wait_for_the_map()
    {
        var loads = new Loads();
        await using ShardSet<string> shards = Set(loads);
        _time.Advance(TimeSpan.FromSeconds(3));
        using var cancel = new CancellationTokenSource();
        Task<IReadOnlyList<string>> waiting = shards.QueryAllAsync((name, _) => Task.FromResult(name), cancel.Token);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
    }

    private ShardSet<string> Set(Loads loads) => Set(loads.LoadAsync);

    private ShardSet<string> Set(Func<CancellationToken, Task<IShardMap>> load) => new(First, name => name, new ShardSetOptions { LoadMap = load }, _time);

    private static async Task<int> AskAsync(ShardSet<string> shards) => (await shards.QueryAllAsync((name, _) => Task.FromResult(name))).Count;

    private sealed class Loads
    {
        private readonly TaskCompletionSource _beginning = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource<IShardMap> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _begun;

        public int Begun => _begun;

        public Task Beginning => _beginning.Task;

        public Task<IShardMap> LoadAsync(CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref _begun);
            _beginning.TrySetResult();
            return _answer.Task;
        }

        public void Answer(IShardMap map) => _answer.SetResult(map);
    }
}
