using Microsoft.Extensions.Diagnostics.Metrics.Testing;
using Microsoft.Extensions.Time.Testing;

namespace Scaling.Sharding.Tests;

/// <summary>What the meter Scaling.Sharding tells. Other tests measure into it at the same time, so each looks for numbers of its own.</summary>
public sealed class ShardingMetricsTests(PostgresServer server)
{
    private const string Meter = "Scaling.Sharding";

    [Fact]
    public async Task Routes_and_errors_are_counted_by_shard()
    {
        await using var shards = new ShardSet<object>(new HashRing(["metered"]), name => name);
        using var routes = new MetricCollector<long>(null, Meter, "scaling.sharding.routes");
        using var errors = new MetricCollector<long>(null, Meter, "scaling.sharding.errors");
        _ = shards[1];
        await shards.TryQueryAllAsync<int>((_, _) => throw new IOException("down"));
        Assert.Contains(routes.GetMeasurementSnapshot(), m => "metered".Equals(m.Tags["shard"]));
        Assert.Contains(errors.GetMeasurementSnapshot(), m => "metered".Equals(m.Tags["shard"]));
    }

    [Fact]
    public async Task Every_question_to_all_shards_tells_its_width_and_every_merge_the_rows_it_read()
    {
        await using var shards = new ShardSet<string>(new HashRing(Enumerable.Range(0, 37).Select(i => new Shard($"s{i:00}"))), name => name);
        using var widths = new MetricCollector<int>(null, Meter, "scaling.sharding.fan_out");
        using var rows = new MetricCollector<long>(null, Meter, "scaling.sharding.merge_rows");
        await shards.QueryAllAsync((name, _) => Task.FromResult(name));
        await shards.QueryPageAsync(new ShardOrder<string>(StringComparer.Ordinal, name => name), (name, _, _, _) => Task.FromResult<IReadOnlyList<string>>([name]), 5);
        Assert.Equal(37 * 3, await shards.MergeAsync((name, _) => new[] { name, name + "a", name + "b" }.ToAsyncEnumerable(), StringComparer.Ordinal).CountAsync());

        Assert.Equal(3, widths.GetMeasurementSnapshot().Count(m => m.Value == 37));
        Assert.Contains(rows.GetMeasurementSnapshot(), m => m.Value == 37 * 3);
    }

    [Fact]
    public async Task A_move_tells_its_progress_by_phase_what_it_caught_up_and_how_long_writers_waited()
    {
        var map = new ShardMap(["pg-0", "pg-1"], slotCount: 31);
        await using ShardedUsers users = await ShardedUsers.CreateAsync(server, map, "pg-2");
        await users.FillAsync(200);
        ShardPlan plan = ShardMap.Diff(map, map.Add("pg-2"));
        using var slots = new MetricCollector<long>(null, Meter, "scaling.sharding.moved_slots");
        using var rows = new MetricCollector<long>(null, Meter, "scaling.sharding.caught_up_rows");
        using var pauses = new MetricCollector<double>(null, Meter, "scaling.sharding.move_pause");
        var changes = new ChangeDuringCopy(users);
        await new ShardMove(plan, name => users[name], ShardedUsers.Options(changes)).RunAsync();

        long moving = plan.Moves.Sum(move => move.Last - move.First + 1) * ShardedUsers.Tables.Length;
        foreach (string phase in (string[])["copy", "verify"])
        {
            Assert.True(slots.GetMeasurementSnapshot().Where(m => phase.Equals(m.Tags["phase"])).Sum(m => m.Value) >= moving);
        }

        Assert.True(changes.Rows > 0);
        Assert.True(rows.GetMeasurementSnapshot().Sum(m => m.Value) >= changes.Rows);
        Assert.True(pauses.GetMeasurementSnapshot().Count(m => m.Value > 0) >= 2); // two shards gave slots
    }

    [Fact]
    public async Task Every_look_for_a_newer_map_is_counted_by_its_outcome()
    {
        var time = new FakeTimeProvider();
        await using var shards = new ShardSet<string>(
            new HashRing(["a"]), name => name, new ShardSetOptions { LoadMap = _ => throw new IOException("nobody knows") }, time);
        using var looks = new MetricCollector<long>(null, Meter, "scaling.sharding.map_look_ups");
        time.Advance(TimeSpan.FromSeconds(3));
        await shards.QueryAllAsync((name, _) => Task.FromResult(name));
        Assert.Contains(looks.GetMeasurementSnapshot(), m => "failed".Equals(m.Tags["outcome"]));
    }

    /// <summary>Writes to the source as soon as its first rows have been copied.</summary>
    private sealed class ChangeDuringCopy(ShardedUsers users) : IProgress<ShardMoveProgress>
    {
        public int Rows { get; private set; }

        public void Report(ShardMoveProgress value)
        {
            if (value is { Phase: ShardMovePhase.Copy, Fraction: 1 })
            {
                Rows += users.RunAsync(value.From, "update users set version = 1 where slot <@ (select moving from scaling_sharding.shard)").GetAwaiter().GetResult();
            }
        }
    }
}
