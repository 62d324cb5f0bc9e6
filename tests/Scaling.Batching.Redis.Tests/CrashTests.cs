using System.Diagnostics;
using LocalServices;
using Npgsql;
using Scaling.Batching.Tests;
using StackExchange.Redis;

namespace Scaling.Batching.Redis.Tests;

/// <summary>Whoever dies, when ever: what was acknowledged is written, once.</summary>
public sealed class CrashTests(RedisServer redis, PostgresServer postgres)
{
    internal static RedisStreamWriteQueueOptions Impatient => new() { AbandonedAfter = TimeSpan.FromMilliseconds(500) };

    [Fact]
    public async Task A_death_between_commit_and_removal_writes_nothing_twice()
    {
        string table = await postgres.TableAsync(Jobs.Columns), name = Name();
        using RedisStreamWriteQueue<Job> queue = Jobs.Queue(redis.Connection, Impatient, name);
        await queue.EnqueueAsync(500);
        using (Process victim = Start(name, table, DrainVictim.Fate.DiesAfterCommit))
        {
            await victim.WaitForExitAsync().WithinDeadline();
        }

        Assert.NotEqual(0, await postgres.ReadAsync<long>($"select count(*) from {table}"));
        Assert.Equal(500, await queue.GetLengthAsync()); // committed, and none of it removed
        await queue.DrainIntoAsync(postgres.DataSource, table);
        await postgres.HasEachOnceAsync(table, 500);
        Assert.Equal(0, await queue.GetDeadLetterLengthAsync()); // a second row would have become one
    }

    [Fact]
    public async Task Processes_that_are_killed_and_frozen_all_the_time_lose_nothing_and_double_nothing()
    {
        string table = await postgres.TableAsync(Jobs.Columns), name = Name();
        using RedisStreamWriteQueue<Job> queue = Jobs.Queue(redis.Connection, Impatient, name);
        using Process frozen = Start(name, table, DrainVictim.Fate.Lives);
        var victims = new List<Process> { Start(name, table, DrainVictim.Fate.Lives) };
        try
        {
            for (int round = 0; round < 4; round++)
            {
                await queue.EnqueueAsync(2_000, round * 2_000);
                long before = await queue.GetLengthAsync();
                await Jobs.EventuallyAsync(async () => await queue.GetLengthAsync() is var now && (now < before || now == 0), "progress");
                if (round == 1)
                {
                    Signal(frozen, "STOP"); // holds what it holds, and says nothing
                }

                victims[^1].Kill();
                victims.Add(Start(name, table, DrainVictim.Fate.Lives));
            }

            await queue.IsEmptyAsync();
            Signal(frozen, "CONT"); // it wakes up with entries that others have written
            await queue.EnqueueAsync(100, 8_000);
            await queue.IsEmptyAsync();
        }
        finally
        {
            frozen.Kill();
            victims.ForEach(victim => victim.Kill());
        }

        await postgres.HasEachOnceAsync(table, 8_100);
        Assert.Equal(0, await queue.GetDeadLetterLengthAsync());
    }

    [Fact]
    public async Task An_item_that_kills_its_processes_is_given_up_and_its_neighbours_are_written()
    {
        string table = await postgres.TableAsync(Jobs.Columns), name = Name();
        using RedisStreamWriteQueue<Job> queue = Jobs.Queue(redis.Connection, Impatient, name);
        await queue.EnqueueAsync(50);
        await queue.EnqueueAsync(new Job(-1, "killer"));
        await queue.EnqueueAsync(50, 50);
        int deaths = 0;
        while (await queue.GetDeadLetterLengthAsync() == 0 || await queue.GetLengthAsync() > 0)
        {
            using Process victim = Start(name, table, DrainVictim.Fate.DiesOfTheKiller);
            await Jobs.EventuallyAsync(async () => victim.HasExited || (await queue.GetLengthAsync() == 0), "a death or the end");
            deaths += victim.HasExited ? 1 : 0;
            victim.Kill();
        }

        Assert.Equal(new RedisStreamWriteQueueOptions().MaxDeliveries, deaths);
        Assert.Equal(1, await queue.GetDeadLetterLengthAsync());
        await postgres.HasEachOnceAsync(table, 100);
        StreamEntry letter = Assert.Single(await redis.Connection.GetDatabase().StreamRangeAsync($"{{{name}}}:dead"));
        Assert.Contains("killer", letter["item"].ToString());
        Assert.Contains("every holder of it died", letter["error"].ToString());
    }

    [Fact]
    public async Task Redis_killed_and_restarted_in_the_middle_loses_nothing_it_acknowledged()
    {
        await using LocalRedis server = await LocalRedis.StartAsync(RedisServer.Durable);
        await using IConnectionMultiplexer connection = await RedisServer.ConnectAsync(server.ConnectionString);
        string table = await postgres.TableAsync(Jobs.Columns);
        using RedisStreamWriteQueue<Job> queue = Jobs.Queue(connection, Impatient);
        await using WriteBatcher<QueuedWrite<Job>> writer = Jobs.WriterTo(postgres.DataSource, table);
        using var end = new CancellationTokenSource();
        Task draining = queue.DrainAsync(writer.WriteAsync, end.Token);

        // Each caller repeats under the same id what Redis did not confirm.
        int acknowledged = 0, next = -1;
        Task[] callers = [.. Enumerable.Range(0, 20).Select(_ => Task.Run(async () =>
        {
            while (!end.IsCancellationRequested)
            {
                int number = Interlocked.Increment(ref next);
                var id = Guid.CreateVersion7();
                while (true)
                {
                    try
                    {
                        Assert.Equal(id, await queue.EnqueueAsync(new(number, "x"), id));
                        Interlocked.Increment(ref acknowledged);
                        break;
                    }
                    catch (Exception error) when (error is WriteOutcomeUnknownException { IsSafeToRepeat: true } or RedisException)
                    {
                        await Task.Delay(10);
                    }
                }
            }
        }))];
        for (int kill = 0; kill < 3; kill++)
        {
            int before = Volatile.Read(ref acknowledged);
            await Eventually.HoldsAsync(() => Volatile.Read(ref acknowledged) > before + 300, "entries before the kill");
            await server.KillAsync();
            await server.RestartAsync();
        }

        int last = Volatile.Read(ref acknowledged);
        await Eventually.HoldsAsync(() => Volatile.Read(ref acknowledged) > last + 100, "entries after the last restart");
        Task leaving = queue.IsEmptyAsync();
        await end.CancelAsync();
        await Task.WhenAll(callers).WithinDeadline();
        await draining.WithinDeadline();
        await queue.DrainIntoAsync(postgres.DataSource, table);
        await leaving;
        await postgres.HasEachOnceAsync(table, acknowledged);
    }

    [Fact]
    public async Task A_Redis_that_comes_back_empty_is_drained_again()
    {
        await using LocalRedis server = await LocalRedis.StartAsync();
        await using IConnectionMultiplexer connection = await RedisServer.ConnectAsync(server.ConnectionString);
        string table = await postgres.TableAsync(Jobs.Columns);
        using RedisStreamWriteQueue<Job> queue = Jobs.Queue(connection);
        await using WriteBatcher<QueuedWrite<Job>> writer = Jobs.WriterTo(postgres.DataSource, table);
        using var end = new CancellationTokenSource();
        Task draining = queue.DrainAsync(writer.WriteAsync, end.Token);
        await queue.EnqueueAsync(10);
        await queue.IsEmptyAsync();
        await server.KillAsync();
        await server.RestartAsync();
        await Jobs.EventuallyAsync(async () => await Record.ExceptionAsync(() => queue.EnqueueAsync(10, 10)) is null, "a connection");
        await queue.IsEmptyAsync();
        await end.CancelAsync();
        await draining.WithinDeadline();
        Assert.Equal(20L, await postgres.ReadAsync<long>($"select count(distinct number) from {table}"));
    }

    [Fact]
    public async Task While_Postgres_is_down_entries_wait_and_nothing_new_is_taken()
    {
        await using LocalPostgres server = await LocalPostgres.StartAsync(new() { Durable = true });
        await using NpgsqlDataSource dataSource = NpgsqlDataSource.Create(server.ConnectionString);
        await using (NpgsqlCommand create = dataSource.CreateCommand($"create table jobs ({Jobs.Columns})"))
        {
            await create.ExecuteNonQueryAsync();
        }

        string name = Name();
        var options = new RedisStreamWriteQueueOptions { MaxInFlight = 100, MaxLength = 1_000, AbandonedAfter = TimeSpan.FromMilliseconds(200) };
        using RedisStreamWriteQueue<Job> queue = Jobs.Queue(redis.Connection, options, name);
        IDatabase commands = redis.Connection.GetDatabase();
        await using WriteBatcher<QueuedWrite<Job>> writer = Jobs.WriterTo(dataSource, "jobs"), other = Jobs.WriterTo(dataSource, "jobs");
        using var end = new CancellationTokenSource();
        Task[] draining = [queue.DrainAsync(writer.WriteAsync, end.Token), queue.DrainAsync(other.WriteAsync, end.Token)];
        await queue.EnqueueAsync(10);
        await queue.IsEmptyAsync();

        await server.KillAsync();
        await queue.EnqueueAsync(1_000, 10);
        await Assert.ThrowsAsync<WriteRejectedException>(() => queue.EnqueueAsync(new Job(-1, "too many")));
        await Jobs.EventuallyAsync(async () => (await HeldAsync()).Consumers.Count(consumer => consumer.PendingMessageCount > 0) == 2, "something in both hands");

        // Several times the patience later: still held by the same two, who are alive; no more than they may hold, and nobody was given up.
        StreamPendingInfo before = await HeldAsync();
        long later = Environment.TickCount64 + 1_500;
        await Eventually.HoldsAsync(() => Environment.TickCount64 > later);
        StreamPendingInfo held = await HeldAsync();
        Assert.InRange(held.PendingMessageCount, before.PendingMessageCount, 200);
        Assert.Equal(before.Consumers.Select(consumer => consumer.Name.ToString()).Order(), held.Consumers.Select(consumer => consumer.Name.ToString()).Order());
        Assert.All(await commands.StreamPendingMessagesAsync($"{{{name}}}", "writers", 1_000, RedisValue.Null), entry => Assert.Equal(1, entry.DeliveryCount));
        Assert.Equal(1_000, await queue.GetLengthAsync());

        await server.RestartAsync();
        await queue.IsEmptyAsync();
        await end.CancelAsync();
        await Task.WhenAll(draining).WithinDeadline();
        Assert.Equal(0, await queue.GetDeadLetterLengthAsync());
        await using NpgsqlCommand count = dataSource.CreateCommand("select count(*), count(distinct number) from jobs");
        await using NpgsqlDataReader reader = await count.ExecuteReaderAsync();
        await reader.ReadAsync();
        Assert.Equal((1_010L, 1_010L), (reader.GetInt64(0), reader.GetInt64(1)));

        Task<StreamPendingInfo> HeldAsync() => commands.StreamPendingAsync($"{{{name}}}", "writers");
    }

    private static string Name() => $"crash-{Guid.NewGuid():N}";

    private Process Start(string queue, string table, DrainVictim.Fate fate) =>
        DrainVictim.Start(redis.ConnectionString, queue, postgres.ConnectionString, table, fate);

    private static void Signal(Process process, string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", $"{process.Id}"]);
        kill.WaitForExit();
    }
}
