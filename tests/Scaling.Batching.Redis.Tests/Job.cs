using System.Text.Json.Serialization;
using Npgsql;
using Scaling.Batching.Tests;
using StackExchange.Redis;

namespace Scaling.Batching.Redis.Tests;

/// <summary>What the tests enqueue.</summary>
public sealed record Job(int Number, string Text);

[JsonSerializable(typeof(Job))]
internal sealed partial class JobJson : JsonSerializerContext;

internal static class Jobs
{
    public const string Columns = "write_id uuid primary key, number int not null, text text not null";

    public static RedisStreamWriteQueue<Job> Queue(IConnectionMultiplexer redis, RedisStreamWriteQueueOptions? options = null, string? name = null) =>
        new(redis, name ?? $"jobs-{Guid.NewGuid():N}", JobJson.Default.Job, options);

    public static PostgresInsert<QueuedWrite<Job>> InsertInto(string table) => new PostgresInsert<QueuedWrite<Job>>(table)
        .Column("write_id", write => write.Id)
        .Column("number", write => write.Item.Number)
        .Column("text", write => write.Item.Text)
        .OnConflictDoNothing("write_id");

    public static WriteBatcher<QueuedWrite<Job>> WriterTo(NpgsqlDataSource dataSource, string table)
    {
        PostgresInsert<QueuedWrite<Job>> insert = InsertInto(table);
        return new((writes, ct) => insert.ExecuteAsync(dataSource, writes, ct));
    }

    /// <summary>Enqueues numbered jobs, a few at a time as callers would.</summary>
    public static Task EnqueueAsync(this RedisStreamWriteQueue<Job> queue, int count, int first = 0) => Parallel.ForEachAsync(
        Enumerable.Range(first, count),
        new ParallelOptions { MaxDegreeOfParallelism = 32 },
        async (i, ct) => await queue.EnqueueAsync(new(i, $"job {i}"), cancellationToken: ct));

    public static Task IsEmptyAsync(this RedisStreamWriteQueue<Job> queue) =>
        EventuallyAsync(async () => await queue.GetLengthAsync() == 0, "an empty queue");

    /// <summary>Drains into the table until nothing is left.</summary>
    public static async Task DrainIntoAsync(this RedisStreamWriteQueue<Job> queue, NpgsqlDataSource dataSource, string table)
    {
        await using WriteBatcher<QueuedWrite<Job>> writer = WriterTo(dataSource, table);
        using var end = new CancellationTokenSource();
        Task draining = queue.DrainAsync(writer.WriteAsync, end.Token);
        await queue.IsEmptyAsync();
        await end.CancelAsync();
        await draining.WithinDeadline();
    }

    public static async Task EventuallyAsync(Func<Task<bool>> condition, string what)
    {
        for (long end = Environment.TickCount64 + 30_000; !await condition();)
        {
            Assert.True(Environment.TickCount64 < end, $"{what} did not come true within 30 s");
            await Task.Delay(5);
        }
    }

    /// <summary>Every number once, and nothing else.</summary>
    public static async Task HasEachOnceAsync(this PostgresServer postgres, string table, int count)
    {
        List<int> numbers = await postgres.ListAsync<int>($"select number from {table} order by number");
        Assert.Equal(Enumerable.Range(0, count), numbers);
    }
}
