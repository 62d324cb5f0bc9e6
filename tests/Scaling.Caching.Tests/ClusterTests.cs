using LocalServices;
using Microsoft.Extensions.Caching.Hybrid;
using StackExchange.Redis;

namespace Scaling.Caching.Tests;

/// <summary>A real Redis Cluster of three masters: keys are routed, and a node that is away costs its own keys and no others.</summary>
public sealed class ClusterTests(ClusterTests.Cluster cluster) : IClassFixture<ClusterTests.Cluster>
{
    private const int Keys = 60;
    private static readonly HybridCacheEntryOptions PastMemory = new() { Flags = HybridCacheEntryFlags.DisableLocalCache };

    [Fact]
    public async Task Keys_tags_and_everything_reach_all_nodes()
    {
        string prefix = cluster.NewPrefix();
        await using CacheAside a = await cluster.NodeAsync(prefix);
        await using CacheAside b = await cluster.NodeAsync(prefix);
        int[] loads = new int[Keys];
        await ShareAsync(a, b, loads);

        await a.InvalidateAsync("k7");
        Assert.Equal(7, Assert.Single(await LoadedAsync(b, loads)));
        await a.InvalidateTagAsync("odd");
        await ReloadedAsync(b, loads, [.. Enumerable.Range(0, Keys).Where(i => i % 2 == 1)]);
        await ShareAsync(a, b, loads);
        Assert.Equal(CacheDelivery.Delivered, await a.InvalidateTagAsync("*"));
        await ReloadedAsync(b, loads, [.. Enumerable.Range(0, Keys)]);
    }

    [Fact]
    public async Task The_stamp_of_everything_lies_on_the_node_of_its_key()
    {
        string prefix = cluster.NewPrefix();
        await using CacheAside cache = await cluster.NodeAsync(prefix);

        Assert.Equal(64, cache.Remote!.Store.Epochs.Distinct().Count());
        int apart = Enumerable.Range(0, 10_000).Count(i =>
            cluster.NodeOf($"{prefix}v:k{i}") != cluster.NodeOf($"{prefix}t:{cache.Remote.Store.EpochOf($"k{i}")}"));
        Assert.InRange(apart, 0, 300);      // but for those where a node's run of slots ends inside a lane
    }

    [Theory]
    [InlineData("paused", 0)]
    [InlineData("killed", 1)]
    [InlineData("paused", 2)]
    public async Task A_node_that_is_away_costs_its_own_keys_and_no_others(string how, int node)
    {
        await using var observation = new Observation();
        string prefix = cluster.NewPrefix(but: node);
        await using CacheAside a = await cluster.NodeAsync(prefix, observation.Services);
        await using CacheAside b = await cluster.NodeAsync(prefix);
        LocalRedis redis = cluster.Redis.Nodes[node];
        int[] held = [.. Enumerable.Range(0, Keys).Where(i => cluster.NodeOf($"{prefix}v:k{i}") == node)];

        // and perhaps the few whose stamp of everything it holds, where a node's run of slots ends inside a lane
        int[] away = [.. Enumerable.Range(0, Keys).Where(i => held.Contains(i) || cluster.NodeOf($"{prefix}t:{a.Remote!.Store.EpochOf($"k{i}")}") == node)];
        int[] loads = new int[Keys];
        await ShareAsync(a, b, loads);
        Assert.NotEmpty(held);

        await (how == "killed" ? redis.KillAsync() : Task.Run(redis.Pause));
        try
        {
            await using (var load = new Load(a, callers: 20, burst: 200))
            {
                await Until.OpenAsync(a);
                await load.MoreAsync(500);
                Assert.Equal(0, load.Failures);
            }

            for (int i = 0; i < 5; i++)
            {
                int[] loaded = await LoadedAsync(a, loads);
                Assert.Empty(held.Except(loaded));
                Assert.Empty(loaded.Except(away));
            }

            Assert.InRange(observation.Calls("timedout"), 0, 10);
            await Until.TrueAsync(() => a.Remote!.DeafSince == long.MaxValue && b.Remote!.DeafSince == long.MaxValue, "both hear, by way of another node if need be");
            int there = Enumerable.Range(0, Keys).Except(away).First();
            int old = await FromMemoryAsync(a, there, loads);
            Assert.Equal(CacheDelivery.Delivered, await b.InvalidateAsync($"k{there}"));
            Assert.Equal(CacheDelivery.Deferred, await b.InvalidateAsync($"k{held[0]}"));
            await Until.TrueAsync(async () => await FromMemoryAsync(a, there, loads) != old, "a hears of it");

            // everything, as far as it goes: the other nodes' part of it is done once and for all
            Assert.Equal(CacheDelivery.Deferred, await b.InvalidateTagAsync("*"));
            await Until.TrueAsync(async () => (await LoadedAsync(b, loads)).Except(away).Any(), "everything is loaded anew");
            await Until.TrueAsync(async () => (await LoadedAsync(a, loads)).SequenceEqual(away) && (await LoadedAsync(b, loads)).SequenceEqual(away), "and kept");
            for (int i = 0; i < 5; i++)
            {
                Assert.Equal(away, await LoadedAsync(b, loads));
            }
        }
        finally
        {
            redis.Resume();
            await (how == "killed" ? redis.RestartAsync() : Task.CompletedTask);
        }

        await Until.LinkedAsync(a);
        await Until.LinkedAsync(b);
        Assert.Equal(0, b.Remote!.Owed);
        await ShareAsync(a, b, loads);
    }

    [Fact]
    public async Task A_node_that_comes_back_empty_while_the_bus_is_not_heard_leaves_none_of_its_keys_believed()
    {
        string prefix = cluster.NewPrefix();
        await using CacheAside cache = await cluster.NodeAsync(prefix);
        string key = Enumerable.Range(0, 1_000).Select(i => $"k{i}").First(key => cluster.NodeOf($"{prefix}v:{key}") == 1);
        await cache.GetOrLoadAsync(key, _ => Task.FromResult(1));
        await cluster.Redis.Nodes[1].KillAsync();
        await Until.OpenAsync(cache);

        // the subscription stays where it is, on a node that lives, but no echo comes while the dead one returns
        await MayPublishAsync("-publish");
        await cluster.Redis.Nodes[1].RestartAsync();
        await Until.TrueAsync(() => cache.Remote!.State == Internal.GuardState.Closed, "it is used again");
        await MayPublishAsync("+publish");
        await Until.LinkedAsync(cache);

        Assert.NotEqual(CacheStatus.HitLocal, (await cache.GetOrLoadAsync(key, _ => Task.FromResult(2))).Status);

        async Task MayPublishAsync(string right)
        {
            await cluster.Redis.Nodes[0].CommandAsync(["ACL", "SETUSER", "default", right]);
            await cluster.Redis.Nodes[2].CommandAsync(["ACL", "SETUSER", "default", right]);
        }
    }

    private static async Task ShareAsync(CacheAside a, CacheAside b, int[] loads)
    {
        await LoadedAsync(a, loads);
        await Until.TrueAsync(async () => (await LoadedAsync(b, loads)).Length == 0 && (await LoadedAsync(a, loads)).Length == 0, "all values are in Redis");
    }

    // these and no others, as soon as the node has heard
    private static Task ReloadedAsync(CacheAside cache, int[] loads, int[] expected)
    {
        var loaded = new HashSet<int>();
        return Until.TrueAsync(
            async () =>
            {
                loaded.UnionWith(await LoadedAsync(cache, loads));
                Assert.Subset(expected.ToHashSet(), loaded);
                return loaded.Count == expected.Length;
            },
            "the invalidated ones are loaded anew");
    }

    /// <summary>Reads every key past the memory and says which ones had to be loaded.</summary>
    private static async Task<int[]> LoadedAsync(CacheAside cache, int[] loads)
    {
        int[] before = [.. loads];
        await Task.WhenAll(Enumerable.Range(0, Keys).Select(async i => await cache.GetOrCreateAsync(
            $"k{i}", _ => ValueTask.FromResult(Interlocked.Increment(ref loads[i])), PastMemory, [i % 2 == 1 ? "odd" : "even"])));
        return [.. Enumerable.Range(0, Keys).Where(i => loads[i] != before[i])];
    }

    private static async Task<int> FromMemoryAsync(CacheAside cache, int i, int[] loads) =>
        await cache.GetOrCreateAsync($"k{i}", _ => ValueTask.FromResult(Interlocked.Increment(ref loads[i])), tags: [i % 2 == 1 ? "odd" : "even"]);

    /// <summary>One cluster for these tests.</summary>
    public sealed class Cluster : IAsyncLifetime
    {
        private ConnectionMultiplexer? _redis;
        private int _caches;

        public LocalRedisCluster Redis { get; private set; } = null!;

        public string NewPrefix() => $"c{Interlocked.Increment(ref _caches)}:";

        /// <summary>A prefix under which the tags' stamps lie on the other nodes: what bears a tag goes with the tag's node too.</summary>
        public string NewPrefix(int but)
        {
            string prefix;
            do
            {
                prefix = NewPrefix();
            }
            while (NodeOf($"{prefix}t:odd") == but || NodeOf($"{prefix}t:even") == but);
            return prefix;
        }

        public async ValueTask InitializeAsync()
        {
            Redis = await LocalRedisCluster.StartAsync();
            _redis = await ConnectionMultiplexer.ConnectAsync(Redis.ConnectionString);
        }

        public int NodeOf(string key) => _redis!.HashSlot(key) * Redis.Nodes.Count / 16_384;

        public async Task<CacheAside> NodeAsync(string prefix, IServiceProvider? services = null)
        {
            var options = new CacheAsideOptions { KeyPrefix = prefix, Jitter = 0, EarlyRefresh = 0, RemoteTimeout = TimeSpan.FromMilliseconds(400) };
            var cache = new CacheAside(CacheBackend.Redis(Redis.ConnectionString), options, services: services);
            await Until.LinkedAsync(cache);
            return cache;
        }

        public async ValueTask DisposeAsync()
        {
            await _redis!.DisposeAsync();
            await Redis.DisposeAsync();
        }
    }
}
