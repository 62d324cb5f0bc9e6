using LocalServices;
using Microsoft.Extensions.Caching.Hybrid;

namespace Scaling.Caching.Tests;

/// <summary>A real Redis Cluster in which a replica takes over that has not received an acknowledged invalidation.</summary>
public sealed class FailoverTests
{
    private static readonly HybridCacheEntryOptions PastMemory = new() { Flags = HybridCacheEntryFlags.DisableLocalCache };

    [Fact]
    public async Task A_replica_that_takes_over_without_an_acknowledged_invalidation_is_told_again()
    {
        await using LocalRedisCluster cluster = await LocalRedisCluster.StartAsync();
        await using LocalRedis replica = await JoinAsync(cluster, master: 0);
        await using CacheAside a = await NodeAsync(cluster);
        await using CacheAside b = await NodeAsync(cluster);
        var source = new Source();
        string key = await KeyOnAsync(cluster.Nodes[0]);
        await ReadAsync(a, key, source);
        await Until.TrueAsync(() => IsHitAsync(b, key, source), "the value is in Redis");
        Assert.Equal("1", (await cluster.Nodes[0].CommandAsync(["WAIT", "1", "5000"])).Trim());

        replica.Pause();
        await cluster.Nodes[0].CommandAsync(["CLIENT", "KILL", "TYPE", "replica"]);
        source.Value = "v2";
        Assert.Equal(CacheDelivery.Delivered, await a.InvalidateAsync(key));
        await cluster.Nodes[0].KillAsync();
        replica.Resume();
        await replica.CommandAsync(["CLUSTER", "FAILOVER", "TAKEOVER"]);        // as an operator may, and without waiting for an election
        await Until.TrueAsync(async () => (await replica.CommandAsync(["ROLE"])).StartsWith("master", StringComparison.Ordinal), "the replica has taken over");
        Assert.NotEqual("v1", await ReadAsync(a, key, source));     // the invalidating node never goes back

        await Until.LinkedAsync(a);
        await Until.LinkedAsync(b);
        await Until.TrueAsync(() => a.Remote!.Owed == 0, "the new master is told");
        Assert.Equal("v2", await ReadAsync(a, key, source));
        Assert.Equal("v2", await ReadAsync(b, key, source));
        await Until.TrueAsync(() => IsHitAsync(b, key, source), "the new master is used");
    }

    private static async Task<LocalRedis> JoinAsync(LocalRedisCluster cluster, int master)
    {
        LocalRedis replica = await LocalRedis.StartAsync(new LocalRedisOptions
        {
            Settings = new Dictionary<string, string> { ["cluster-enabled"] = "yes", ["cluster-node-timeout"] = "2000", ["cluster-require-full-coverage"] = "no" },
        });
        string id = (await cluster.Nodes[master].CommandAsync(["CLUSTER", "MYID"])).Trim();
        LocalRedis introducer = cluster.Nodes[(master + 1) % cluster.Nodes.Count];
        await introducer.CommandAsync(["CLUSTER", "MEET", "127.0.0.1", $"{replica.Port}"]);
        await Until.TrueAsync(async () => (await replica.CommandAsync(["CLUSTER", "REPLICATE", id])).StartsWith("OK", StringComparison.Ordinal), "the replica knows its master");
        await Until.TrueAsync(async () => (await replica.CommandAsync(["INFO", "replication"])).Contains("master_link_status:up", StringComparison.Ordinal), "the replica follows");
        foreach (LocalRedis node in cluster.Nodes)
        {
            await Until.TrueAsync(async () => (await node.CommandAsync(["CLUSTER", "NODES"])).Contains($"slave {id}", StringComparison.Ordinal), "every node knows the replica");
        }

        return replica;
    }

    private static async Task<CacheAside> NodeAsync(LocalRedisCluster cluster)
    {
        var options = new CacheAsideOptions { KeyPrefix = "f:", Jitter = 0, EarlyRefresh = 0, RemoteTimeout = TimeSpan.FromMilliseconds(400) };
        var cache = new CacheAside(CacheBackend.Redis(cluster.ConnectionString), options);
        await Until.LinkedAsync(cache);
        return cache;
    }

    // the first node holds the first third of the slots
    private static async Task<string> KeyOnAsync(LocalRedis node)
    {
        for (int i = 0; ; i++)
        {
            if (int.Parse(await node.CommandAsync(["CLUSTER", "KEYSLOT", $"f:v:k{i}"]), System.Globalization.CultureInfo.InvariantCulture) < 5_000)
            {
                return $"k{i}";
            }
        }
    }

    private static async Task<string> ReadAsync(CacheAside cache, string key, Source source) =>
        await cache.GetOrCreateAsync<string>(key, async token => await source.LoadAsync(token), PastMemory);

    private static async Task<bool> IsHitAsync(CacheAside cache, string key, Source source)
    {
        int loads = source.Loads;
        await ReadAsync(cache, key, source);
        return source.Loads == loads;
    }
}
