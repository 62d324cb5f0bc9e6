using Npgsql;

namespace Scaling.Sharding.Tests;

/// <summary>Slots move between real Postgres databases.</summary>
public sealed class ShardMoveTests(PostgresServer server)
{
    private static readonly ShardMap Two = new(["pg-0", "pg-1"]);

    [Fact]
    public async Task A_third_shard_takes_its_share_and_every_row_is_where_the_new_map_says()
    {
        await using ShardedUsers users = await ShardedUsers.CreateAsync(server, Two, "pg-2");
        await users.FillAsync(3_000);
        var published = new List<ShardMap>();
        var move = new ShardMove(ShardMap.Diff(Two, Two.Add("pg-2")), name => users[name], ShardedUsers.Options());
        ShardMap inForce = await move.RunAsync((map, _) => Publish(published, map));

        Assert.Equal(Two.Add("pg-2").Fingerprint, inForce.Fingerprint);
        Assert.Equal([2L, 3L], published.Select(map => map.Version));
        List<(string Shard, long Id, int Version, int Slot)> all = await users.AllAsync();
        Assert.Equal(3_000, all.Select(row => row.Id).Distinct().Count());
        Assert.Equal(3_000, all.Count);
        Assert.All(all, row => Assert.Equal(inForce.GetShard(row.Id), row.Shard));
        Assert.Equal(all.Count(row => row.Shard == "pg-2"), await users.ReadAsync<long>("pg-2", "select count(*) from notes where length = user_id % 50"));
        Assert.Equal(inForce.Fingerprint, (await ShardFence.LoadMapAsync([users["pg-0"], users["pg-1"], users["pg-2"]])).Fingerprint);
        Assert.Equal(inForce.Fingerprint, (await move.RunAsync((_, _) => Task.CompletedTask)).Fingerprint); // a second run finds everything done
    }

    [Fact]
    public async Task The_fence_refuses_every_kind_of_write_to_a_slot_that_is_elsewhere()
    {
        await using ShardedUsers users = await ShardedUsers.CreateAsync(server, Two);
        await users.FillAsync(100);
        long own = Enumerable.Range(200, 100).First(id => Two.GetShard(id) == "pg-0");
        long foreign = Enumerable.Range(200, 100).First(id => Two.GetShard(id) == "pg-1");
        await users.InsertAsync("pg-0", own);
        await RefusedAsync(() => users.InsertAsync("pg-0", foreign));
        await RefusedAsync(() => users.RunAsync("pg-0", "update users set slot = $1 where id = $2", Two.GetSlot(foreign), own));
        await RefusedAsync(() => users.RunAsync("pg-0", $"select scaling_sharding.require_slot({Two.GetSlot(foreign)})"));
        await RefusedAsync(async () =>
        {
            await using NpgsqlConnection connection = await users["pg-0"].OpenConnectionAsync();
            await using NpgsqlBinaryImporter copy = await connection.BeginBinaryImportAsync("copy users (id, name, slot) from stdin (format binary)");
            await copy.WriteRowAsync(default, foreign, "Ada", Two.GetSlot(foreign));
            await copy.CompleteAsync();
        });

        // a row that was left behind by a move can be neither changed nor deleted through a stale router
        await users.RunAsync("pg-0", "begin; set local scaling_sharding.mover = 'on'; insert into users (id, name, slot) values (-1, 'stray', 16383); commit");
        await RefusedAsync(() => users.RunAsync("pg-0", "update users set name = 'lost' where id = -1"));
        await RefusedAsync(() => users.RunAsync("pg-0", "delete from users where id = -1"));
        Assert.Equal(1, await users.ReadAsync<long>("pg-0", "select count(*) from users where not scaling_sharding.owns(slot)"));
    }

    [Fact]
    public async Task A_writer_in_a_snapshot_older_than_the_cut_over_is_undone()
    {
        await using ShardedUsers users = await ShardedUsers.CreateAsync(server, Two, "pg-2");
        await users.FillAsync(50);
        ShardMap next = Two.Add("pg-2");
        long moving = Enumerable.Range(1_000, 1_000).First(id => Two.GetShard(id) == "pg-0" && next.GetShard(id) == "pg-2");
        await using NpgsqlConnection old = await users["pg-0"].OpenConnectionAsync();
        await using NpgsqlTransaction snapshot = await old.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead);
        await using (var read = new NpgsqlCommand("select count(*) from users", old))
        {
            await read.ExecuteScalarAsync();
        }

        await new ShardMove(ShardMap.Diff(Two, next), name => users[name], ShardedUsers.Options()).RunAsync((_, _) => Task.CompletedTask);
        await using var write = new NpgsqlCommand("insert into users (id, name, slot) values ($1, 'late', $2)", old) { Parameters = { new() { Value = moving }, new() { Value = Two.GetSlot(moving) } } };
        PostgresException error = await Assert.ThrowsAsync<PostgresException>(() => write.ExecuteNonQueryAsync());
        Assert.Equal(PostgresErrorCodes.SerializationFailure, error.SqlState);
    }

    [Theory]
    [InlineData(ShardMovePhase.Copy)]
    [InlineData(ShardMovePhase.CatchUp)]
    [InlineData(ShardMovePhase.Verify)]
    [InlineData(ShardMovePhase.CutOver)]
    [InlineData(ShardMovePhase.CleanUp)]
    public async Task A_move_that_dies_in_any_phase_is_carried_on_by_the_next_process(ShardMovePhase phase)
    {
        await using ShardedUsers users = await ShardedUsers.CreateAsync(server, Two, "pg-2");
        await users.FillAsync(500);
        ShardPlan plan = ShardMap.Diff(Two, Two.Add("pg-2"));
        var dies = new DieIn(phase);
        await Assert.ThrowsAsync<DieIn.DeathException>(() => new ShardMove(plan, name => users[name], ShardedUsers.Options(dies)).RunAsync((_, _) => Task.CompletedTask));

        // life goes on in between: one new row, one changed, one gone, wherever each belongs by now
        ShardMap stored = await ShardFence.LoadMapAsync([users["pg-0"], users["pg-1"], users["pg-2"]]);
        await users.InsertAsync(stored.GetShard(1_000), 1_000);
        Assert.Equal(1, await users.RunAsync(stored.GetShard(7), "update users set version = 1 where id = 7"));
        Assert.Equal(1, await users.RunAsync(stored.GetShard(8), "delete from users where id = 8"));

        ShardPlan? found = await ShardMove.FindUnfinishedAsync(users.Shards.Select(shard => users[shard])); // the next process knows nothing
        Assert.NotNull(found);
        ShardMap inForce = await new ShardMove(found, name => users[name], ShardedUsers.Options()).RunAsync((_, _) => Task.CompletedTask);
        Assert.Equal(plan.To.Fingerprint, inForce.Fingerprint);
        Assert.Null(await ShardMove.FindUnfinishedAsync(users.Shards.Select(shard => users[shard])));
        List<(string Shard, long Id, int Version, int Slot)> all = await users.AllAsync();
        Assert.Equal(500, all.Count); // 500 + 1 − 1
        Assert.All(all, row => Assert.Equal((inForce.GetShard(row.Id), row.Id == 7 ? 1 : 0), (row.Shard, row.Version)));
        Assert.Equal(500, all.Select(row => row.Id).Distinct().Count());
    }

    [Fact]
    public async Task A_move_can_be_rolled_back_before_its_cut_over_and_run_again_afterwards()
    {
        await using ShardedUsers users = await ShardedUsers.CreateAsync(server, Two, "pg-2");
        await users.FillAsync(300);
        ShardPlan plan = ShardMap.Diff(Two, Two.Add("pg-2"));
        await Assert.ThrowsAsync<DieIn.DeathException>(() => new ShardMove(plan, name => users[name], ShardedUsers.Options(new DieIn(ShardMovePhase.Verify))).RunAsync((_, _) => Task.CompletedTask));
        ShardMap inForce = await new ShardMove(plan, name => users[name], ShardedUsers.Options()).RollbackAsync();
        Assert.Equal(Two.Fingerprint, inForce.Fingerprint);
        Assert.Null(await ShardMove.FindUnfinishedAsync(users.Shards.Select(shard => users[shard])));
        Assert.Equal(0, await users.ReadAsync<long>("pg-2", "select count(*) from users"));
        Assert.Equal(300, (await users.AllAsync()).Count);
        await new ShardMove(plan, name => users[name], ShardedUsers.Options()).RunAsync((_, _) => Task.CompletedTask);
        Assert.Equal(300, (await users.AllAsync()).Count);
    }

    [Fact]
    public async Task Past_the_cut_over_there_is_no_way_back()
    {
        await using ShardedUsers users = await ShardedUsers.CreateAsync(server, Two, "pg-2");
        ShardPlan plan = ShardMap.Diff(Two, Two.Add("pg-2"));
        await Assert.ThrowsAsync<DieIn.DeathException>(() => new ShardMove(plan, name => users[name], ShardedUsers.Options(new DieIn(ShardMovePhase.CutOver))).RunAsync((_, _) => Task.CompletedTask));
        await Assert.ThrowsAsync<InvalidOperationException>(() => new ShardMove(plan, name => users[name], ShardedUsers.Options()).RollbackAsync());
    }

    [Fact]
    public async Task Verification_notices_a_row_that_differs_and_nothing_is_cut_over()
    {
        await using ShardedUsers users = await ShardedUsers.CreateAsync(server, Two, "pg-2");
        await users.FillAsync(300);
        await users.RunAsync("pg-2", """
            create function spoil() returns trigger language plpgsql as $$ begin new.name = new.name || '!'; return new; end $$;
            create trigger spoil before insert on users for each row execute function spoil()
            """);
        ShardException error = await Assert.ThrowsAsync<ShardException>(() => new ShardMove(ShardMap.Diff(Two, Two.Add("pg-2")), name => users[name], ShardedUsers.Options()).RunAsync((_, _) => Task.CompletedTask));
        Assert.Equal("pg-2", error.Shard);
        Assert.Equal(1, (await ShardFence.LoadMapAsync([users["pg-0"]])).Version);
    }

    [Fact]
    public async Task A_stale_router_is_refused_loads_the_new_map_and_writes_to_the_new_owner()
    {
        await using ShardedUsers users = await ShardedUsers.CreateAsync(server, Two, "pg-2");
        ShardMap inForce = await new ShardMove(ShardMap.Diff(Two, Two.Add("pg-2")), name => users[name], ShardedUsers.Options()).RunAsync((_, _) => Task.CompletedTask);
        long moved = Enumerable.Range(0, 1_000).First(id => Two.GetShard(id) != inForce.GetShard(id));
        await using var stale = new ShardSet<string>(Two, name => name, new ShardSetOptions { LoadMap = async ct => await ShardFence.LoadMapAsync([users["pg-0"], users["pg-1"]], ct) });
        string wroteTo = await stale.ExecuteAsync(moved, async (shard, _) =>
        {
            await users.InsertAsync(shard, moved);
            return shard;
        });
        Assert.Equal("pg-2", wroteTo);
        Assert.Equal(inForce.Fingerprint, ((ShardMap)stale.Map).Fingerprint);
    }

    [Fact]
    public async Task A_deployment_during_a_move_finds_the_fence_up_to_date_and_waits_for_nothing()
    {
        await using ShardedUsers users = await ShardedUsers.CreateAsync(server, Two, "pg-2");
        await using NpgsqlConnection open = await users["pg-0"].OpenConnectionAsync();
        await using NpgsqlTransaction writing = await open.BeginTransactionAsync();
        await using (var write = new NpgsqlCommand("update users set version = 0", open))
        {
            await write.ExecuteNonQueryAsync(); // holds the table; replacing a trigger would wait for it
        }

        await users.RunAsync("pg-0", "update scaling_sharding.shard set moving = '{[0,1]}'");
        await ShardFence.InstallAsync(users["pg-0"], "pg-0", Two, ShardedUsers.Tables).WaitAsync(TimeSpan.FromSeconds(30));
        await users.RunAsync("pg-0", "create table orders (id int primary key, slot int not null)");
        await Assert.ThrowsAsync<InvalidOperationException>(() => ShardFence.InstallAsync(users["pg-0"], "pg-0", Two, ["orders"]));
        await Assert.ThrowsAsync<InvalidOperationException>(() => ShardFence.InstallAsync(users["pg-0"], "pg-1", Two, ShardedUsers.Tables));
        await users.RunAsync("pg-1", "create table nothing (id int)");
        await Assert.ThrowsAsync<ArgumentException>(() => ShardFence.InstallAsync(users["pg-1"], "pg-1", Two, ["nothing"]));
    }

    [Fact]
    public async Task A_pinned_key_moves_alone_once_it_has_its_own_slot()
    {
        await using ShardedUsers users = await ShardedUsers.CreateAsync(server, Two);
        await users.FillAsync(200);
        long hot = Enumerable.Range(0, 200).First(id => Two.GetShard(id) == "pg-0");
        Assert.Throws<ArgumentException>(() => new ShardMove(ShardMap.Diff(Two, Two.Pin(hot, "pg-1")), name => users[name], ShardedUsers.Options()));

        ShardMap isolated = Two.Pin(hot, "pg-0");
        Assert.Empty(ShardMap.Diff(Two, isolated).Moves);
        await ShardFence.InstallAsync(users["pg-0"], "pg-0", isolated, ShardedUsers.Tables);
        await Assert.ThrowsAsync<InvalidOperationException>(() => ShardFence.InstallAsync(users["pg-0"], "pg-0", isolated.Add("pg-2"), ShardedUsers.Tables));
        await users.RunAsync("pg-0", "update users set slot = $1 where id = $2", isolated.GetSlot(hot), hot);
        await users.RunAsync("pg-0", "update notes set slot = $1 where user_id = $2", isolated.GetSlot(hot), hot);
        ShardMap inForce = await new ShardMove(ShardMap.Diff(isolated, isolated.Pin(hot, "pg-1")), name => users[name], ShardedUsers.Options()).RunAsync((_, _) => Task.CompletedTask);

        List<(string Shard, long Id, int Version, int Slot)> all = await users.AllAsync();
        Assert.Equal(200, all.Count);
        Assert.All(all, row => Assert.Equal(inForce.GetShard(row.Id), row.Shard));
        Assert.Equal("pg-1", all.Single(row => row.Id == hot).Shard);
    }

    [Fact]
    public async Task There_is_one_mover_at_a_time()
    {
        await using ShardedUsers users = await ShardedUsers.CreateAsync(server, Two, "pg-2");
        ShardPlan plan = ShardMap.Diff(Two, Two.Add("pg-2"));
        await new ShardMove(plan, name => users[name], ShardedUsers.Options()).RunAsync(async (_, _) =>
            Assert.Contains("mover", (await Assert.ThrowsAsync<InvalidOperationException>(() => new ShardMove(plan, name => users[name], ShardedUsers.Options()).RunAsync((_, _) => Task.CompletedTask))).Message, StringComparison.Ordinal));
    }

    private static async Task RefusedAsync(Func<Task> write) => Assert.True(ShardFence.IsRefusal(await Assert.ThrowsAnyAsync<Exception>(write)));

    private static Task Publish(List<ShardMap> published, ShardMap map)
    {
        published.Add(map);
        return Task.CompletedTask;
    }

    private sealed class DieIn(ShardMovePhase phase) : IProgress<ShardMoveProgress>
    {
        public void Report(ShardMoveProgress value)
        {
            if (value.Phase == phase)
            {
                throw new DeathException();
            }
        }

        public sealed class DeathException : Exception;
    }
}
