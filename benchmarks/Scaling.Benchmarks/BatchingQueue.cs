using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Serialization;
using LocalServices;
using Npgsql;
using Scaling.Batching;
using Scaling.Batching.Redis;
using StackExchange.Redis;

namespace Scaling.Benchmarks;

[JsonSerializable(typeof(BatchingUser))]
internal sealed partial class BatchingJson : JsonSerializerContext;

/// <summary>The durable queue: how many entries per second Redis acknowledges, and how many rows per second its drains write, beside the batcher alone.</summary>
internal sealed class BatchingQueue : IMacro
{
    private const int Rounds = 3;
    private const int Entries = 60_000;
    private static readonly TimeSpan s_slice = TimeSpan.FromSeconds(1.5);

    private static readonly PostgresInsert<QueuedWrite<BatchingUser>> s_insert = new PostgresInsert<QueuedWrite<BatchingUser>>("users")
        .Column("write_id", w => w.Id).Column("name", w => w.Item.Name).Column("email", w => w.Item.Email)
        .OnConflictDoNothing("write_id");

    public string Name => "batching-queue";

    public async Task RunAsync()
    {
        await using LocalPostgres server = await LocalPostgres.StartAsync(new() { Durable = true });
        await using NpgsqlDataSource source = NpgsqlDataSource.Create(server.ConnectionString + ";Max Auto Prepare=20;Minimum Pool Size=64;Maximum Pool Size=80");
        await BatchingPostgres.ExecuteAsync(source, "create table users (write_id uuid primary key, name text not null, email text not null, created_at timestamptz not null default now())");
        await using LocalRedis durable = await LocalRedis.StartAsync(new() { Settings = new Dictionary<string, string> { ["appendonly"] = "yes", ["appendfsync"] = "always" } });
        await using LocalRedis everySecond = await LocalRedis.StartAsync(new() { Settings = new Dictionary<string, string> { ["appendonly"] = "yes" } });
        await using ConnectionMultiplexer toDurable = await ConnectionMultiplexer.ConnectAsync(durable.ConnectionString);
        await using ConnectionMultiplexer toEverySecond = await ConnectionMultiplexer.ConnectAsync(everySecond.ConnectionString);

        (string Name, Func<Task<double>> Run)[] ways = [
            ("single INSERT … ON CONFLICT, 64 connections", () => CallAsync(64, user => InsertOneAsync(source, user))),
            ("**WriteBatcher** alone, 1,000 callers", () => WithBatcherAsync(source, batcher => CallAsync(1_000, user => batcher.WriteAsync(new(Guid.CreateVersion7(), user)).AsTask()))),
            ("enqueue, 64 callers, fsync always", () => WithQueueAsync(toDurable, queue => CallAsync(64, user => queue.EnqueueAsync(user)))),
            ("enqueue, 1,000 callers, fsync always", () => WithQueueAsync(toDurable, queue => CallAsync(1_000, user => queue.EnqueueAsync(user)))),
            ("enqueue, 1,000 callers, fsync every second", () => WithQueueAsync(toEverySecond, queue => CallAsync(1_000, user => queue.EnqueueAsync(user)))),
            ("drain, one, fsync always", () => WithQueueAsync(toDurable, queue => DrainAsync(source, queue, 1))),
            ("drain, two, fsync always", () => WithQueueAsync(toDurable, queue => DrainAsync(source, queue, 2))),
            ("drain, one, fsync every second", () => WithQueueAsync(toEverySecond, queue => DrainAsync(source, queue, 1))),
            ("drain, two, fsync every second", () => WithQueueAsync(toEverySecond, queue => DrainAsync(source, queue, 2)))];
        var rates = new double[ways.Length][];
        for (int round = -1; round < Rounds; round++)
        {
            for (int i = 0; i < ways.Length; i++)
            {
                await BatchingPostgres.ExecuteAsync(source, "truncate users; checkpoint");
                double rate = await ways[i].Run();
                if (round >= 0)
                {
                    (rates[i] ??= new double[Rounds])[round] = rate;
                }
            }
        }

        Console.WriteLine("| | per second, median | best | × single INSERT |\n|---|--:|--:|--:|");
        for (int i = 0; i < ways.Length; i++)
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"| {ways[i].Name} | {BatchingPostgres.Median(rates[i]):N0} | {rates[i].Max():N0} | {BatchingPostgres.Median(rates[i]) / BatchingPostgres.Median(rates[0]):0.0} |"));
        }
    }

    private static async Task<double> CallAsync(int callers, Func<BatchingUser, Task> call)
    {
        long started = Stopwatch.GetTimestamp();
        int[] calls = await Task.WhenAll(Enumerable.Range(0, callers).Select(caller => Task.Run(async () =>
        {
            int mine = 0;
            for (; Stopwatch.GetElapsedTime(started) < s_slice; mine++)
            {
                await call(User(caller));
            }

            return mine;
        })));
        return calls.Sum() / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static async Task<double> DrainAsync(NpgsqlDataSource source, RedisStreamWriteQueue<BatchingUser> queue, int drains)
    {
        await Parallel.ForEachAsync(
            Enumerable.Range(0, Entries), new ParallelOptions { MaxDegreeOfParallelism = 1_000 }, async (i, ct) => await queue.EnqueueAsync(User(i), cancellationToken: ct));
        using var end = new CancellationTokenSource();
        long started = Stopwatch.GetTimestamp();
        Task[] draining = [.. Enumerable.Range(0, drains).Select(_ => Task.Run(() => WithBatcherAsync(source, async batcher =>
        {
            await queue.DrainAsync(batcher.WriteAsync, end.Token);
            return 0;
        })))];
        while (await queue.GetLengthAsync() > 0)
        {
            await Task.Delay(5);
        }

        double rate = Entries / Stopwatch.GetElapsedTime(started).TotalSeconds;
        await end.CancelAsync();
        await Task.WhenAll(draining);
        return rate;
    }

    private static async Task<double> WithBatcherAsync(NpgsqlDataSource source, Func<WriteBatcher<QueuedWrite<BatchingUser>>, Task<double>> run)
    {
        await using var batcher = new WriteBatcher<QueuedWrite<BatchingUser>>((writes, ct) => s_insert.ExecuteAsync(source, writes, ct));
        return await run(batcher);
    }

    private static async Task<double> WithQueueAsync(ConnectionMultiplexer redis, Func<RedisStreamWriteQueue<BatchingUser>, Task<double>> run)
    {
        string name = $"users-{Guid.NewGuid():N}";
        using var queue = new RedisStreamWriteQueue<BatchingUser>(redis, name, BatchingJson.Default.BatchingUser);
        double rate = await run(queue);
        await redis.GetDatabase().KeyDeleteAsync($"{{{name}}}");
        return rate;
    }

    private static async Task InsertOneAsync(NpgsqlDataSource source, BatchingUser user)
    {
        await using NpgsqlCommand command = source.CreateCommand("insert into users (write_id, name, email) values ($1, $2, $3) on conflict (write_id) do nothing");
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = Guid.CreateVersion7() });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = user.Name });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = user.Email });
        await command.ExecuteNonQueryAsync();
    }

    private static BatchingUser User(int i) => new($"user {i}", $"user{i}@example.org");
}
