using LocalServices;
using Npgsql;
using StackExchange.Redis;

namespace Scaling.Sharding.Tests;

/// <summary>The same application code where an engine shards by itself: docs/sharding.md, "Beyond one fleet of Postgres".</summary>
public sealed class OtherEngineTests(PostgresServer server)
{
    [Fact]
    public async Task Redis_cluster_routes_by_hash_tag_and_the_code_around_it_stays_the_same()
    {
        await using LocalRedisCluster cluster = await LocalRedisCluster.StartAsync();
        await using ConnectionMultiplexer connection = await ConnectionMultiplexer.ConnectAsync(cluster.ConnectionString);

        // one shard: the cluster. Its client routes each key by the hash slot of its tag.
        await using var shards = new ShardSet<IConnectionMultiplexer>(new ShardMap(["cluster"]), _ => connection);
        for (long user = 0; user < 50; user++)
        {
            IDatabase home = shards[user].GetDatabase();
            RedisKey profile = $"{{user:{user}}}:profile", cart = $"{{user:{user}}}:cart";
            Assert.Equal(connection.GetHashSlot(profile), connection.GetHashSlot(cart));
            ITransaction both = home.CreateTransaction(); // refused by the cluster unless both keys are in one slot
            _ = both.StringSetAsync(profile, user);
            _ = both.StringIncrementAsync(cart);
            Assert.True(await both.ExecuteAsync());
        }

        Assert.True(connection.GetServers().Count(node => node.DatabaseSize() > 0) > 1, "the users are spread over the nodes");
        Assert.Equal([50L], await shards.QueryAllAsync((redis, _) => Task.FromResult(redis.GetServers().Sum(node => node.DatabaseSize()) / 2)));

        // published vectors: Redis documentation and StackExchange.Redis ClusterTests.HashSlots
        (string Key, int Slot)[] vectors = [
            ("123456789", 12739), ("", 0), ("abc", 7638), ("{abc}", 7638), ("abcdef", 15101), ("abc{abc}def", 7638), ("c", 7365), ("g", 7233), ("d", 11298),
            ("user1000", 3443), ("{user1000}.following", 3443), ("foo{}{bar}", 8363), ("foo{{bar}}zap", 4015), ("{bar", 4015), ("foo{bar}{zap}", 5061), ("bar", 5061),
            ("somekey", 11058), ("foo{hash_tag}", 2515)];
        Assert.All(vectors, vector => Assert.Equal(vector.Slot, connection.GetHashSlot(vector.Key)));
    }

    [Fact]
    public async Task An_engine_with_one_coordinator_is_a_map_of_one_shard_and_the_code_around_it_stays_the_same()
    {
        string coordinator = await server.CreateDatabaseAsync();
        var map = new ShardMap(["citus"]);
        await using var shards = new ShardSet<NpgsqlDataSource>(map, _ => NpgsqlDataSource.Create(coordinator));
        await using (NpgsqlCommand create = shards[0].CreateCommand("create table users (id bigint primary key, slot int not null)"))
        {
            await create.ExecuteNonQueryAsync();
        }

        for (long id = 0; id < 10; id++)
        {
            await shards.ExecuteAsync(id, async (source, ct) =>
            {
                await using NpgsqlCommand insert = source.CreateCommand("insert into users values ($1, $2)");
                insert.Parameters.Add(new() { Value = id });
                insert.Parameters.Add(new() { Value = map.GetSlot(id) });
                return await insert.ExecuteNonQueryAsync(ct);
            });
        }

        IReadOnlyList<long> counts = await shards.QueryAllAsync(async (source, ct) =>
        {
            await using NpgsqlCommand count = source.CreateCommand("select count(*) from users");
            return (long)(await count.ExecuteScalarAsync(ct))!;
        });
        Assert.Equal([10L], counts);
    }
}
