using LocalServices;
using StackExchange.Redis;

namespace LocalServicesTests;

public class LocalRedisTests
{
    [Fact]
    public async Task A_restarted_server_is_empty_and_on_the_same_port()
    {
        await using LocalRedis redis = await LocalRedis.StartAsync();
        await redis.CommandAsync(["SET", "k", "v"]);
        Assert.StartsWith("v", await redis.CommandAsync(["GET", "k"]), StringComparison.Ordinal);

        await redis.KillAsync();
        await Assert.ThrowsAsync<InvalidOperationException>(() => redis.CommandAsync(["PING"]));
        await redis.RestartAsync();

        Assert.Equal("", (await redis.CommandAsync(["GET", "k"])).Trim());
    }

    [Fact]
    public async Task A_paused_server_answers_after_it_is_resumed()
    {
        await using LocalRedis redis = await LocalRedis.StartAsync();
        redis.Pause();
        await Assert.ThrowsAsync<TimeoutException>(() => redis.CommandAsync(["PING"]));
        redis.Resume();
        Assert.StartsWith("PONG", await redis.CommandAsync(["PING"]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_replica_has_what_its_primary_had_and_takes_over_when_it_is_promoted()
    {
        await using LocalRedis primary = await LocalRedis.StartAsync();
        await primary.CommandAsync(["SET", "k", "v"]);
        await using LocalRedis replica = await primary.StartReplicaAsync();
        Assert.StartsWith("v", await replica.CommandAsync(["GET", "k"]), StringComparison.Ordinal);
        Assert.Contains("READONLY", await replica.CommandAsync(["SET", "k", "w"]), StringComparison.Ordinal);
        await primary.KillAsync();
        await replica.PromoteAsync();
        Assert.StartsWith("OK", await replica.CommandAsync(["SET", "k", "w"]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cluster_spreads_keys_over_all_nodes_and_serves_again_after_a_kill()
    {
        await using LocalRedisCluster cluster = await LocalRedisCluster.StartAsync();
        await using ConnectionMultiplexer client = await ConnectionMultiplexer.ConnectAsync(cluster.ConnectionString + ",abortConnect=false");
        IDatabase database = client.GetDatabase();
        for (int i = 0; i < 100; i++)
        {
            await database.StringSetAsync($"k{i}", i);
        }

        Assert.Equal(100, await SizesAsync(cluster).SumAsync());
        Assert.All(await SizesAsync(cluster).ToListAsync(), size => Assert.InRange(size, 1, 99));

        await cluster.KillAsync();
        await cluster.RestartAsync();
        await Eventually.HoldsAsync(async () =>
        {
            try
            {
                return await database.StringSetAsync("back", 1);
            }
            catch (Exception exception) when (exception is RedisException or TimeoutException)
            {
                return false;
            }
        });
    }

    private static async IAsyncEnumerable<int> SizesAsync(LocalRedisCluster cluster)
    {
        foreach (LocalRedis node in cluster.Nodes)
        {
            yield return int.Parse(await node.CommandAsync(["DBSIZE"]), System.Globalization.CultureInfo.InvariantCulture);
        }
    }
}
