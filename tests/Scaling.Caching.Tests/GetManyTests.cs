using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.Time.Testing;

namespace Scaling.Caching.Tests;

/// <summary>Many keys at once: each as if alone, L2 and the source asked once.</summary>
public class GetManyTests(Servers servers)
{
    private readonly Rows _rows = new();

    [Fact]
    public async Task Every_key_comes_from_where_it_is_and_the_source_is_asked_once_for_the_rest()
    {
        string prefix = servers.NewPrefix();
        await using CacheAside a = await servers.NodeAsync(prefix);
        await using CacheAside b = await servers.NodeAsync(prefix);
        await b.SetAsync("row:2", "redis 2");
        await a.SetAsync("row:1", "memory 1");

        IReadOnlyDictionary<int, CacheResult<string?>> many = await a.GetManyAsync([1, 2, 3, 4, 3, 99], Key, _rows.LoadAsync);

        Assert.Equal(
            [(1, CacheStatus.HitLocal, "memory 1"), (2, CacheStatus.HitDistributed, "redis 2"), (3, CacheStatus.Miss, "row 3"), (4, CacheStatus.Miss, "row 4"), (99, CacheStatus.Miss, null)],
            many.Select(one => (one.Key, one.Value.Status, one.Value.Value)));
        Assert.Equal([[3, 4, 99]], _rows.Calls);

        await Until.TrueAsync(async () => (await b.GetManyAsync([3, 4], Key, _rows.LoadAsync)).Values.All(one => one.Status is CacheStatus.HitDistributed or CacheStatus.HitLocal), "Redis has what was loaded");
        Assert.Equal(CacheStatus.HitLocal, (await a.GetOrLoadAsync("row:99", _ => Task.FromResult<string?>("row 99"))).Status);      // that there is none is remembered
    }

    [Fact]
    public async Task Redis_is_asked_for_all_keys_before_it_has_answered_the_first()
    {
        const int Keys = 200;
        string prefix = servers.NewPrefix();
        await using CacheAside warm = await servers.NodeAsync(prefix);
        await warm.GetManyAsync(Enumerable.Range(0, Keys), Key, _rows.LoadAsync);
        await Until.TrueAsync(async () => (await warm.GetOrLoadAsync($"row:{Keys - 1}", _ => Task.FromResult(""), Caches.PastMemory)).Status == CacheStatus.HitDistributed, "Redis has them");
        await using var relay = new HoldingRelay(servers.Redis.Port);
        var options = new CacheAsideOptions { KeyPrefix = prefix, Jitter = 0, EarlyRefresh = 0, RemoteTimeout = Until.Patience };
        await using var cache = new CacheAside(CacheBackend.Redis($"127.0.0.1:{relay.Port}"), options);
        await Until.LinkedAsync(cache);
        await cache.GetOrLoadAsync("warm-up", _ => Task.FromResult(""));

        relay.HoldAnswersUntilSeen("$3\r\nGET\r\n", Keys);
        IReadOnlyDictionary<int, CacheResult<string?>> many = await cache.GetManyAsync(Enumerable.Range(0, Keys), Key, _rows.LoadAsync);

        Assert.All(many.Values, one => Assert.Equal(CacheStatus.HitDistributed, one.Status));
        Assert.Equal(Keys, many.Count);
        Assert.True(relay.WasReleased);
        Assert.Single(_rows.Calls);
    }

    [Fact]
    public async Task It_shares_loads_with_those_who_want_one_of_the_keys_alone()
    {
        await using CacheAside cache = Caches.Local();
        var single = new Source("single") { Hold = new() };
        Task<CacheResult<string?>> alone = cache.GetOrLoadAsync<string?>("row:1", async token => await single.LoadAsync(token)).AsTask();
        _rows.Hold = new();
        Task<IReadOnlyDictionary<int, CacheResult<string?>>> many = cache.GetManyAsync([1, 2], Key, _rows.LoadAsync).AsTask();
        Task<CacheResult<string?>> joined = cache.GetOrLoadAsync("row:2", _ => Task.FromResult<string?>("not asked")).AsTask();
        _rows.Hold.SetResult();
        Assert.Equal("row 2", (await joined).Value);
        Assert.False(many.IsCompleted);
        single.Hold.SetResult();

        Assert.Equal("single", (await many)[1].Value);
        Assert.Equal(("single", "row 2"), ((await alone).Value, (await many)[2].Value));
        Assert.Equal([[2]], _rows.Calls);
        Assert.Equal((true, false, true), ((await many)[1].Collapsed, (await many)[2].Collapsed, (await joined).Collapsed));
    }

    [Fact]
    public async Task Giving_up_cancels_the_load_only_when_nobody_else_waits_for_any_of_its_keys()
    {
        await using CacheAside cache = Caches.Local();
        using var leaves = new CancellationTokenSource();
        _rows.Hold = new();
        Task many = cache.GetManyAsync([1, 2], Key, _rows.LoadAsync, cancellationToken: leaves.Token).AsTask();
        using var alsoLeaves = new CancellationTokenSource();
        Task<CacheResult<string?>> joined = cache.GetOrLoadAsync("row:2", _ => Task.FromResult<string?>("not asked"), cancellationToken: alsoLeaves.Token).AsTask();

        await leaves.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => many);
        Assert.False(_rows.Token.IsCancellationRequested);
        await alsoLeaves.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => joined);
        Assert.True(_rows.Token.IsCancellationRequested);

        _rows.Hold = null;
        Assert.Equal("row 1", (await cache.GetManyAsync([1], Key, _rows.LoadAsync))[1].Value);
    }

    [Fact]
    public async Task A_failing_load_is_answered_stale_where_a_value_is_at_hand_and_fails_the_call_where_not()
    {
        FakeTimeProvider clock = Caches.Clock();
        await using CacheAside cache = Caches.Local(time: clock);
        await cache.GetManyAsync([1, 2], Key, _rows.LoadAsync);
        clock.Advance(TimeSpan.FromMinutes(5) + Caches.Seconds(1));
        _rows.Fault = new IOException("away");

        Assert.All((await cache.GetManyAsync([1, 2], Key, _rows.LoadAsync)).Values, one => Assert.Equal(CacheStatus.Stale, one.Status));
        Assert.Same(_rows.Fault, await Assert.ThrowsAsync<IOException>(async () => await cache.GetManyAsync([1, 2, 3], Key, _rows.LoadAsync)));
        _rows.Fault = null;
        Assert.All((await cache.GetManyAsync([1, 2, 3], Key, _rows.LoadAsync)).Values, one => Assert.Equal(CacheStatus.Miss, one.Status));
    }

    [Fact]
    public async Task It_takes_one_place_of_the_bulkhead_and_is_shed_without_one()
    {
        await using CacheAside cache = Caches.Local(o => (o.MaxConcurrentLoads, o.LoadQueueTimeout) = (1, TimeSpan.Zero));
        _rows.Hold = new();
        Task<IReadOnlyDictionary<int, CacheResult<string?>>> first = cache.GetManyAsync(Enumerable.Range(0, 50), Key, _rows.LoadAsync).AsTask();

        await Assert.ThrowsAsync<CacheLoadShedException>(async () => await cache.GetManyAsync([100, 101], Key, _rows.LoadAsync));
        _rows.Hold.SetResult();
        Assert.Equal(50, (await first).Count);
        Assert.Equal(2, (await cache.GetManyAsync([100, 101], Key, _rows.LoadAsync)).Count);
    }

    [Fact]
    public async Task What_was_invalidated_while_it_was_loaded_is_not_kept()
    {
        string prefix = servers.NewPrefix();
        await using CacheAside a = await servers.NodeAsync(prefix);
        await using CacheAside b = await servers.NodeAsync(prefix);
        _rows.Hold = new();
        Task<IReadOnlyDictionary<int, CacheResult<string?>>> many = a.GetManyAsync([1, 2], Key, _rows.LoadAsync, tags: ["rows"]).AsTask();
        await Until.TrueAsync(() => _rows.Calls.Count == 1, "the load runs");
        await b.InvalidateAsync("row:1");
        _rows.Hold.SetResult();
        await many;

        _rows.Text = "new";
        await Until.TrueAsync(async () => (await a.GetManyAsync([1], Key, _rows.LoadAsync))[1].Value == "new 1", "the other node's invalidation is obeyed here");
        Assert.Equal("new 1", (await b.GetManyAsync([1], Key, _rows.LoadAsync))[1].Value);
        await b.InvalidateTagAsync("rows");
        Assert.Equal("new 2", (await b.GetManyAsync([2], Key, _rows.LoadAsync))[2].Value);
    }

    [Fact]
    public async Task A_value_that_cannot_be_null_may_not_be_left_out()
    {
        await using CacheAside cache = Caches.Local();
        static Task<Dictionary<int, int>> Load(IReadOnlyList<int> ids, CancellationToken token) => Task.FromResult(new Dictionary<int, int> { [1] = 10 });

        Assert.Equal(10, (await cache.GetManyAsync([1], Key, Load))[1].Value);
        KeyNotFoundException left = await Assert.ThrowsAsync<KeyNotFoundException>(async () => await cache.GetManyAsync([1, 2], Key, Load));
        Assert.Contains("'2'", left.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Flags_and_bad_arguments_are_treated_as_for_one_key()
    {
        await using CacheAside cache = Caches.Local();
        var noLoad = new HybridCacheEntryOptions { Flags = HybridCacheEntryFlags.DisableUnderlyingData };

        Assert.Equal((CacheStatus.Miss, null), ((await cache.GetManyAsync([1], Key, _rows.LoadAsync, noLoad))[1].Status, _rows.Calls.Count > 0 ? "loaded" : null));
        Assert.Empty(await cache.GetManyAsync(Enumerable.Empty<int>(), Key, _rows.LoadAsync));
        await Assert.ThrowsAsync<ArgumentException>("key", async () => await cache.GetManyAsync([1], _ => null!, _rows.LoadAsync));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await cache.GetManyAsync([1], Key, _rows.LoadAsync, cancellationToken: new CancellationToken(canceled: true)));
        Assert.Equal("row 1", (await cache.GetManyAsync([1], Key, _rows.LoadAsync))[1].Value);      // nothing was left hanging
    }

    [Fact]
    public async Task It_works_on_a_cluster()
    {
        await using var cluster = await LocalServices.LocalRedisCluster.StartAsync();
        var options = new CacheAsideOptions { Jitter = 0, EarlyRefresh = 0, RemoteTimeout = Caches.Seconds(2) };
        await using var a = new CacheAside(CacheBackend.Redis(cluster.ConnectionString), options);
        await using var b = new CacheAside(CacheBackend.Redis(cluster.ConnectionString), options);
        await Until.LinkedAsync(a);
        await Until.LinkedAsync(b);

        await a.GetManyAsync(Enumerable.Range(0, 99), Key, _rows.LoadAsync, tags: ["rows"]);
        await Until.TrueAsync(
            async () => (await b.GetManyAsync(Enumerable.Range(0, 99), Key, _rows.LoadAsync, Caches.PastMemory, ["rows"])).Values.All(one => one.Status == CacheStatus.HitDistributed),
            "the other node finds them on all three nodes");
        _rows.Text = "new";
        await b.InvalidateTagAsync("rows");
        Assert.All((await b.GetManyAsync(Enumerable.Range(0, 99), Key, _rows.LoadAsync, tags: ["rows"])).Values, one => Assert.StartsWith("new", one.Value, StringComparison.Ordinal));
    }

    private static string Key(int id) => $"row:{id}";

    /// <summary>A table of a hundred rows.</summary>
    private sealed class Rows
    {
        public List<int[]> Calls { get; } = [];

        public string Text { get; set; } = "row";

        public TaskCompletionSource? Hold { get; set; }

        public Exception? Fault { get; set; }

        public CancellationToken Token { get; private set; }

        public async Task<Dictionary<int, string?>> LoadAsync(IReadOnlyList<int> ids, CancellationToken cancellationToken)
        {
            lock (Calls)
            {
                Calls.Add([.. ids]);
            }

            Token = cancellationToken;
            string text = Text;
            if (Hold is { } hold)
            {
                await hold.Task.WaitAsync(cancellationToken);
            }

            return Fault is { } fault ? throw fault : ids.Where(id => id != 99).ToDictionary(id => id, id => (string?)$"{text} {id}");
        }
    }
}
