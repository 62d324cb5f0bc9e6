using System.Collections.Concurrent;
using LocalServices;
using Scaling.Batching.Tests;
using StackExchange.Redis;

namespace Scaling.Batching.Redis.Tests;

/// <summary>A replica takes over from a Redis that has died. Replication is asynchronous, and that is the limit of what is promised.</summary>
public sealed class FailoverTests(RedisServer redis, PostgresServer postgres)
{
    [Fact]
    public async Task What_the_replica_had_is_written_once_and_what_it_had_not_can_be_repeated()
    {
        await using LocalRedis primary = await LocalRedis.StartAsync();
        await using LocalRedis replica = await primary.StartReplicaAsync();
        await using IConnectionMultiplexer connection = await RedisServer.ConnectAsync($"{primary.ConnectionString},{replica.ConnectionString},configCheckSeconds=1");
        string table = await postgres.TableAsync(Jobs.Columns), name = $"failover-{Guid.NewGuid():N}";
        using RedisStreamWriteQueue<Job> queue = Jobs.Queue(connection, CrashTests.Impatient, name);
        Guid[] ids = [.. Enumerable.Range(0, 600).Select(_ => Guid.NewGuid())];
        await EnqueueAsync(0, 500);
        await Jobs.EventuallyAsync(async () => (await replica.CommandAsync(["XLEN", $"{{{name}}}"])).Trim() == "500", "500 entries at the replica");

        // From here on the replica hears nothing: neither that the 500 are written and removed, nor of another 100.
        replica.Pause();
        await primary.CommandAsync(["CLIENT", "KILL", "TYPE", "replica"]);
        await queue.DrainIntoAsync(postgres.DataSource, table);
        await EnqueueAsync(500, 100);
        await primary.KillAsync();
        replica.Resume();
        await replica.PromoteAsync();

        // The same queue on the same connection. The 500 are delivered once more, and have no effect.
        await Jobs.EventuallyAsync(async () => await Record.ExceptionAsync(() => EnqueueAsync(0, 1)) is null, "an enqueue at the new primary");
        await queue.DrainIntoAsync(postgres.DataSource, table);
        await postgres.HasEachOnceAsync(table, 500);

        // The 100 went down with the old primary. Whoever still has them enqueues them under their ids.
        await EnqueueAsync(400, 200);
        await queue.DrainIntoAsync(postgres.DataSource, table);
        await postgres.HasEachOnceAsync(table, 600);
        Assert.Equal(0, await queue.GetDeadLetterLengthAsync());

        Task EnqueueAsync(int first, int count) =>
            Task.WhenAll(Enumerable.Range(first, count).Select(i => queue.EnqueueAsync(new(i, "x"), ids[i])));
    }

    [Fact]
    public async Task An_entry_that_was_given_the_number_of_a_lost_one_is_not_removed_with_it()
    {
        // A replica whose clock is behind takes over while entries that it never had are being written: it may give out their numbers again.
        string name = $"failover-{Guid.NewGuid():N}", key = $"{{{name}}}";
        IDatabase commands = redis.Connection.GetDatabase();
        using RedisStreamWriteQueue<Job> queue = Jobs.Queue(redis.Connection, CrashTests.Impatient, name);
        var written = new ConcurrentQueue<(Guid Id, int Number)>();
        var gate = new TaskCompletionSource();
        using var end = new CancellationTokenSource();
        Task draining = queue.DrainAsync(
            async (write, _) =>
            {
                written.Enqueue((write.Id, write.Item.Number));
                await gate.Task;
            },
            end.Token);
        Guid lost = await queue.EnqueueAsync(new(1, "lost"));
        await Eventually.HoldsAsync(() => !written.IsEmpty, "the first delivery");
        string number = Assert.Single(await commands.StreamRangeAsync(key)).Id!;
        var other = Guid.NewGuid();
        await commands.KeyDeleteAsync(key);
        await commands.StreamAddAsync(key, [new("id", other.ToString()), new("item", """{"Number":2,"Text":"x"}""")], number);
        gate.SetResult();
        await queue.IsEmptyAsync();
        await end.CancelAsync();
        await draining.WithinDeadline();
        Assert.Equal([(lost, 1), (other, 2)], written);
    }

    [Fact]
    public async Task A_Redis_that_must_have_a_replica_and_has_none_refuses_and_adds_nothing()
    {
        await using LocalRedis primary = await LocalRedis.StartAsync(new() { Settings = new Dictionary<string, string> { ["min-replicas-to-write"] = "1" } });
        await using IConnectionMultiplexer connection = await RedisServer.ConnectAsync(primary.ConnectionString);
        using RedisStreamWriteQueue<Job> queue = Jobs.Queue(connection);
        RedisServerException refusal = await Assert.ThrowsAsync<RedisServerException>(() => queue.EnqueueAsync(new(1, "x")));
        Assert.Contains("NOREPLICAS", refusal.Message);
        Assert.Equal(0, await queue.GetLengthAsync());
        await using (await primary.StartReplicaAsync())
        {
            await Jobs.EventuallyAsync(async () => await Record.ExceptionAsync(() => queue.EnqueueAsync(new(2, "x"))) is null, "an enqueue with a replica");
        }

        await Jobs.EventuallyAsync(async () => await Record.ExceptionAsync(() => queue.EnqueueAsync(new(3, "x"))) is RedisServerException, "the refusal once the replica is gone");
    }
}
