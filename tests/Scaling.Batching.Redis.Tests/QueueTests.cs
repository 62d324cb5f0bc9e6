using System.Collections.Concurrent;
using LocalServices;
using Scaling.Batching.Tests;
using StackExchange.Redis;

namespace Scaling.Batching.Redis.Tests;

public sealed class QueueTests(RedisServer redis, PostgresServer postgres)
{
    [Fact]
    public async Task What_was_enqueued_survives_a_crash_of_Redis_at_once()
    {
        await using LocalRedis server = await LocalRedis.StartAsync(RedisServer.Durable);
        await using IConnectionMultiplexer connection = await RedisServer.ConnectAsync(server.ConnectionString);
        using RedisStreamWriteQueue<Job> queue = Jobs.Queue(connection);
        Guid id = await queue.EnqueueAsync(new(1, "acknowledged"));
        await server.KillAsync();
        await server.RestartAsync();
        StreamEntry[] entries = [];
        await Jobs.EventuallyAsync(async () => await Record.ExceptionAsync(async () => entries = await connection.GetDatabase().StreamRangeAsync(KeyOf(connection))) is null, "a connection");
        Assert.Equal(id.ToString(), Assert.Single(entries)["id"].ToString());
    }

    [Fact]
    public async Task Several_drains_share_the_entries_and_write_them_in_batches()
    {
        string table = await postgres.TableAsync(Jobs.Columns);
        using RedisStreamWriteQueue<Job> queue = Jobs.Queue(redis.Connection);
        PostgresInsert<QueuedWrite<Job>> insert = Jobs.InsertInto(table);
        var calls = new ConcurrentQueue<(int Drain, int Size)>();
        using var end = new CancellationTokenSource();
        Task[] draining = [.. Enumerable.Range(0, 3).Select(drain => Task.Run(async () =>
        {
            await using var writer = new WriteBatcher<QueuedWrite<Job>>((writes, ct) =>
            {
                calls.Enqueue((drain, writes.Count));
                return insert.ExecuteAsync(postgres.DataSource, writes, ct);
            });
            await queue.DrainAsync(writer.WriteAsync, end.Token);
        }))];
        await queue.EnqueueAsync(20_000);
        await queue.IsEmptyAsync();
        await end.CancelAsync();
        await Task.WhenAll(draining).WithinDeadline();

        await postgres.HasEachOnceAsync(table, 20_000);
        Assert.Equal(20_000, calls.Sum(call => call.Size));
        Assert.True(calls.Count < 2_000, $"{calls.Count} calls for 20,000 entries");
        Assert.Equal(3, calls.Select(call => call.Drain).Distinct().Count());
    }

    [Fact]
    public async Task A_stopped_drain_hands_over_at_once_and_no_delivery_is_counted()
    {
        string table = await postgres.TableAsync(Jobs.Columns), name = $"jobs-{Guid.NewGuid():N}";
        using RedisStreamWriteQueue<Job> queue = Jobs.Queue(redis.Connection, new() { AbandonedAfter = TimeSpan.FromHours(1) }, name);
        await queue.EnqueueAsync(100);
        for (int deploy = 0; deploy < 6; deploy++)
        {
            // The store hangs, and is left at the drain's token.
            int taken = 0;
            using var stop = new CancellationTokenSource();
            Task hanging = queue.DrainAsync(async (_, ct) =>
            {
                Interlocked.Increment(ref taken);
                await Task.Delay(Timeout.Infinite, ct);
            }, stop.Token);
            await Eventually.HoldsAsync(() => taken == 100, "all entries in hand");
            await stop.CancelAsync();
            await hanging.WithinDeadline();
        }

        await queue.DrainIntoAsync(postgres.DataSource, table);
        await postgres.HasEachOnceAsync(table, 100);
        Assert.Equal(0, await queue.GetDeadLetterLengthAsync());
    }

    [Fact]
    public async Task Bad_entries_become_dead_letters_alone_and_can_be_revived()
    {
        string table = await postgres.TableAsync(Jobs.Columns + ", constraint no_bad check (text <> 'bad')"), name = $"jobs-{Guid.NewGuid():N}";
        IDatabase commands = redis.Connection.GetDatabase();
        using RedisStreamWriteQueue<Job> queue = Jobs.Queue(redis.Connection, name: name);
        await queue.EnqueueAsync(100);
        Guid bad = await queue.EnqueueAsync(new Job(100, "bad"));
        await commands.StreamAddAsync($"{{{name}}}", [new("id", Guid.NewGuid().ToString()), new("item", "{not json")]);
        await commands.StreamAddAsync($"{{{name}}}", "foreign", "entry");
        await queue.EnqueueAsync(100, 101);
        await using WriteBatcher<QueuedWrite<Job>> writer = Jobs.WriterTo(postgres.DataSource, table);
        using var end = new CancellationTokenSource();
        Task draining = queue.DrainAsync(writer.WriteAsync, end.Token);
        await queue.IsEmptyAsync();

        Assert.Equal(200L, await postgres.ReadAsync<long>($"select count(*) from {table}"));
        Assert.Equal(3, await queue.GetDeadLetterLengthAsync());
        StreamEntry[] letters = await commands.StreamRangeAsync($"{{{name}}}:dead");
        Assert.Contains("no_bad", Assert.Single(letters, letter => letter["id"] == bad.ToString())["error"].ToString());
        Assert.Contains(letters, letter => letter["error"].ToString().Contains("JsonException") && letter["item"] == "{not json");
        Assert.Contains(letters, letter => letter["error"].ToString().Contains("no id") && letter["foreign"] == "entry");

        await postgres.ExecuteAsync($"alter table {table} drop constraint no_bad");
        Assert.Equal(3, await queue.ReviveDeadLettersAsync());
        await Jobs.EventuallyAsync(async () => await queue.GetLengthAsync() == 0 && await queue.GetDeadLetterLengthAsync() == 2, "the second verdict");
        await end.CancelAsync();
        await draining.WithinDeadline();
        await postgres.HasEachOnceAsync(table, 201);
        Assert.Equal(bad, await postgres.ReadAsync<Guid>($"select write_id from {table} where text = 'bad'"));
    }

    [Fact]
    public async Task A_full_queue_refuses_and_takes_again_when_it_was_drained()
    {
        string table = await postgres.TableAsync(Jobs.Columns);
        using RedisStreamWriteQueue<Job> queue = Jobs.Queue(redis.Connection, new() { MaxLength = 50 });
        int refused = (await Task.WhenAll(Enumerable.Range(0, 200).Select(i => queue.EnqueueAsync(new(i, "x")).ErrorAsync())))
            .Count(error => error is WriteRejectedException rejected && rejected.Message.Contains("50 entries"));
        Assert.Equal(150, refused);
        Assert.Equal(50, await queue.GetLengthAsync());
        await queue.DrainIntoAsync(postgres.DataSource, table);
        await queue.EnqueueAsync(new(200, "x"));
        await queue.DrainIntoAsync(postgres.DataSource, table);
        Assert.Equal(51L, await postgres.ReadAsync<long>($"select count(*) from {table}"));
    }

    [Fact]
    public async Task An_unconfirmed_enqueue_is_an_unknown_outcome_and_repeating_it_under_its_id_writes_once()
    {
        await using LocalRedis server = await LocalRedis.StartAsync();
        await using IConnectionMultiplexer connection = await RedisServer.ConnectAsync(server.ConnectionString + ",asyncTimeout=500");
        string table = await postgres.TableAsync(Jobs.Columns);
        using RedisStreamWriteQueue<Job> queue = Jobs.Queue(connection);
        await queue.EnqueueAsync(new(0, "first"));
        server.Pause();
        var id = Guid.CreateVersion7();
        Assert.True(Assert.IsType<WriteOutcomeUnknownException>(await queue.EnqueueAsync(new(1, "x"), id).ErrorAsync()).IsSafeToRepeat);
        server.Resume();
        await Jobs.EventuallyAsync(async () => await Record.ExceptionAsync(() => queue.EnqueueAsync(new(1, "x"), id)) is null, "a confirmation");
        await queue.DrainIntoAsync(postgres.DataSource, table);
        await postgres.HasEachOnceAsync(table, 2);
    }

    [Fact]
    public async Task Consumers_of_processes_that_are_gone_are_forgotten()
    {
        string name = $"jobs-{Guid.NewGuid():N}";
        using RedisStreamWriteQueue<Job> queue = Jobs.Queue(redis.Connection, CrashTests.Impatient, name);
        for (int process = 0; process < 5; process++)
        {
            using var stop = new CancellationTokenSource();
            Task draining = queue.DrainAsync((_, _) => default, stop.Token);
            await queue.EnqueueAsync(new(process, "x"));
            await queue.IsEmptyAsync();
            await stop.CancelAsync();
            await draining.WithinDeadline();
        }

        using var end = new CancellationTokenSource();
        Task last = queue.DrainAsync((_, _) => default, end.Token);
        await Jobs.EventuallyAsync(async () => (await redis.Connection.GetDatabase().StreamConsumerInfoAsync($"{{{name}}}", "writers")).Length <= 1, "at most the living consumer");
        await end.CancelAsync();
        await last.WithinDeadline();
    }

    [Fact]
    public async Task A_key_of_another_type_ends_the_drain_with_its_error()
    {
        string name = $"jobs-{Guid.NewGuid():N}";
        await redis.Connection.GetDatabase().StringSetAsync($"{{{name}}}", "not a stream");
        using RedisStreamWriteQueue<Job> queue = Jobs.Queue(redis.Connection, name: name);
        Assert.Contains("WRONGTYPE", Assert.IsType<RedisServerException>(await queue.DrainAsync((_, _) => default, CancellationToken.None).ErrorAsync()).Message);
    }

    [Fact]
    public async Task It_works_on_a_Redis_Cluster_and_outlives_the_death_of_its_node()
    {
        await using LocalRedisCluster cluster = await LocalRedisCluster.StartAsync();
        await using IConnectionMultiplexer connection = await RedisServer.ConnectAsync(cluster.ConnectionString);
        string table = await postgres.TableAsync(Jobs.Columns);
        await using WriteBatcher<QueuedWrite<Job>> writer = Jobs.WriterTo(postgres.DataSource, table);
        using var end = new CancellationTokenSource();
        var queues = new List<RedisStreamWriteQueue<Job>>();
        var draining = new List<Task>();
        for (int i = 0; i < 6; i++) // so that every node has one
        {
            queues.Add(Jobs.Queue(connection, CrashTests.Impatient, $"cluster-{i}"));
            draining.Add(queues[i].DrainAsync(writer.WriteAsync, end.Token));
            await queues[i].EnqueueAsync(200, i * 200);
        }

        await Task.WhenAll(queues.Select(queue => queue.IsEmptyAsync()));
        await postgres.HasEachOnceAsync(table, 1_200);

        await cluster.KillAsync();
        await cluster.RestartAsync();
        for (int i = 0; i < 6; i++)
        {
            await Jobs.EventuallyAsync(async () => await Record.ExceptionAsync(() => queues[i].EnqueueAsync(new(1_200 + i, "x"))) is null, "a connection");
        }

        await Task.WhenAll(queues.Select(queue => queue.IsEmptyAsync()));
        await end.CancelAsync();
        await Task.WhenAll(draining).WithinDeadline();
        Assert.Equal(1_206L, await postgres.ReadAsync<long>($"select count(distinct number) from {table}"));
        queues.ForEach(queue => queue.Dispose());
    }

    private static RedisKey KeyOf(IConnectionMultiplexer connection) => connection.GetServers()[0].Keys().Single();
}
