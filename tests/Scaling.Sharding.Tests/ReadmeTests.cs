using Npgsql;

namespace Scaling.Sharding.Tests;

/// <summary>The snippets of the README, run as they stand there.</summary>
public sealed class ReadmeTests(PostgresServer server)
{
    [Fact]
    public async Task The_first_snippet_of_the_readme_counts_users_on_three_databases()
    {
        CancellationToken cancellationToken = TestContext.Current.CancellationToken;
        var connectionStrings = new Dictionary<string, string>();
        foreach (string name in (string[])["pg-0", "pg-1", "pg-2"])
        {
            connectionStrings[name] = await server.CreateDatabaseAsync();
        }

#pragma warning disable CA1859 // the snippet shows the interface on purpose: a setting can choose another map
        IShardMap map = new HashRing(["pg-0", "pg-1", "pg-2"]);             // also RendezvousMap, JumpMap, MaglevMap; weights optional
        string shard  = map.GetShard("user:42");                            // string, long, Guid, ReadOnlySpan<byte>

        await using var shards = new ShardSet<NpgsqlDataSource>(map, name => NpgsqlDataSource.Create(connectionStrings[name]));
        NpgsqlDataSource home = shards["user:42"];
        IReadOnlyList<long> counts = await shards.QueryAllAsync((source, ct) => CountUsersAsync(source, ct), cancellationToken);

        Assert.Equal([1, 1, 1], counts);
        Assert.Same(shards.GetResource(shard), home);
    }

    [Fact]
    public void The_second_snippet_of_the_readme_plans_a_fourth_shard()
    {
        var map = new ShardMap(["pg-0", "pg-1", "pg-2"]);
        int slot = map.GetSlot(42);                                          // for the slot column of the row
        ShardPlan plan = ShardMap.Diff(map, map.Add("pg-3"));                // exactly the slots that move

        Assert.InRange(slot, 0, map.SlotCount - 1);
        Assert.All(plan.Moves, move => Assert.Equal("pg-3", move.To));
        Assert.Equal(4096, plan.Moves.Sum(move => move.Last - move.First + 1));
    }

    [Fact]
    public async Task The_third_snippet_of_the_readme_adds_the_fourth_shard()
    {
        CancellationToken cancellationToken = TestContext.Current.CancellationToken;
        var map = new ShardMap(["pg-0", "pg-1", "pg-2"]);
        await using ShardedUsers sources = await ShardedUsers.CreateAsync(server, map, "pg-3");
        await using var shards = new ShardSet<object>(map, name => name);
        ShardPlan plan = ShardMap.Diff(map, map.Add("pg-3"));

        var move = new ShardMove(plan, name => sources[name], new ShardMoveOptions { Tables = { "users" } });
        await move.RunAsync((next, ct) => { shards.TrySwap(next); return Task.CompletedTask; }, cancellationToken);

        Assert.Equal(plan.To.Fingerprint, ((ShardMap)shards.Map).Fingerprint);
    }

    private static async Task<long> CountUsersAsync(NpgsqlDataSource source, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = source.CreateCommand("select count(*) from pg_roles where rolname = current_user");
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}
