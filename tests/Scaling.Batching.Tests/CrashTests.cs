using System.Collections.Concurrent;
using LocalServices;
using Npgsql;
using Polly;
using Polly.Retry;

namespace Scaling.Batching.Tests;

/// <summary>What was acknowledged survives the death of the server, and of our own process.</summary>
public class CrashTests
{
    private static readonly LocalPostgresOptions s_durable = new() { Durable = true };

    private static PostgresInsert<long> InsertInto(string table, bool idempotent)
    {
        PostgresInsert<long> insert = new PostgresInsert<long>(table).Column("id", id => id);
        return idempotent ? insert.OnConflictDoNothing("id") : insert;
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Killing_Postgres_loses_no_acknowledged_row_and_repeats_none(bool idempotent)
    {
        await using LocalPostgres server = await LocalPostgres.StartAsync(s_durable);
        await using NpgsqlDataSource dataSource = NpgsqlDataSource.Create(server.ConnectionString + ";Timeout=5");
        await using (NpgsqlCommand create = dataSource.CreateCommand("create table t (id bigint " + (idempotent ? "primary key)" : "not null)")))
        {
            await create.ExecuteNonQueryAsync();
        }

        // With a key everything is retried until the server is back; without one only what surely was not written.
        ResiliencePipeline pipeline = new ResiliencePipelineBuilder()
            .AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = 500,
                Delay = TimeSpan.FromMilliseconds(20),
                ShouldHandle = new PredicateBuilder().Handle<NpgsqlException>(error => error.IsTransient),
            })
            .Build();
        PostgresInsert<long> insert = InsertInto("t", idempotent);
        var batcher = new WriteBatcher<long>((ids, ct) => insert.ExecuteAsync(dataSource, ids, ct), new WriteBatcherOptions { Pipeline = pipeline, MaxConcurrentBatches = 2 });
        var acknowledged = new ConcurrentDictionary<long, bool>();
        var unknown = new ConcurrentDictionary<long, bool>();
        long next = 0;
        using var end = new CancellationTokenSource();
        Task[] writers = [.. Enumerable.Range(0, 50).Select(_ => Task.Run(async () =>
        {
            while (!end.IsCancellationRequested)
            {
                long id = Interlocked.Increment(ref next);
                try
                {
                    await batcher.WriteAsync(id);
                    acknowledged[id] = true;
                }
                catch (WriteOutcomeUnknownException)
                {
                    unknown[id] = true;
                }
            }
        }))];
        for (int kill = 0; kill < 3 || (!idempotent && unknown.IsEmpty && kill < 15); kill++)
        {
            int before = acknowledged.Count;
            await Eventually.HoldsAsync(() => acknowledged.Count > before + 500, "writes before the kill");
            await server.KillAsync();
            await server.RestartAsync();
        }

        int last = acknowledged.Count;
        await Eventually.HoldsAsync(() => acknowledged.Count > last + 100, "writes after the last restart");
        await end.CancelAsync();
        await Task.WhenAll(writers).WithinDeadline();
        await batcher.DisposeAsync();

        List<long> rows = await ReadIdsAsync(dataSource);
        Assert.Equal(rows.Count, rows.Distinct().Count());
        Assert.Empty(acknowledged.Keys.Except(rows));
        Assert.Empty(rows.Except(acknowledged.Keys).Except(unknown.Keys));
        Assert.Equal(idempotent, unknown.IsEmpty); // with a key every doubt is settled; without one there are doubts, and they are told
    }

    [Fact]
    public async Task A_frozen_Postgres_delays_and_loses_nothing()
    {
        await using LocalPostgres server = await LocalPostgres.StartAsync(s_durable);
        await using NpgsqlDataSource dataSource = NpgsqlDataSource.Create(server.ConnectionString);
        await using (NpgsqlCommand create = dataSource.CreateCommand("create table t (id bigint primary key)"))
        {
            await create.ExecuteNonQueryAsync();
        }

        PostgresInsert<long> insert = InsertInto("t", idempotent: false);
        await using var batcher = new WriteBatcher<long>((ids, ct) => insert.ExecuteAsync(dataSource, ids, ct));
        await batcher.WriteAsync(0).WithinDeadline();
        server.Pause();
        using var cancel = new CancellationTokenSource();
        Task sent = batcher.WriteAsync(1).AsTask();
        await Task.Yield();
        Task[] queued = [.. Enumerable.Range(2, 100).Select(i => batcher.WriteAsync(i).AsTask())];
        Task taken = batcher.WriteAsync(1000, cancel.Token).AsTask();
        Assert.False(sent.IsCompleted);
        await cancel.CancelAsync();
        server.Resume();
        await Task.WhenAll([sent, .. queued]).WithinDeadline();
        bool written = await taken.ErrorAsync() is null;
        Assert.Equal(102 + (written ? 1 : 0), (await ReadIdsAsync(dataSource)).Count);
    }

    [Fact]
    public async Task Killing_our_own_process_loses_no_acknowledged_row()
    {
        await using LocalPostgres server = await LocalPostgres.StartAsync(s_durable);
        await using NpgsqlDataSource dataSource = NpgsqlDataSource.Create(server.ConnectionString);
        await using (NpgsqlCommand create = dataSource.CreateCommand("create table t (id bigint primary key)"))
        {
            await create.ExecuteNonQueryAsync();
        }

        // The writer is this very assembly, started as a program of its own: see CrashVictim.
        using var victim = CrashVictim.Start(server.ConnectionString);
        var acknowledged = new List<long>();
        try
        {
            while (acknowledged.Count < 2_000)
            {
                string? line = await victim.StandardOutput.ReadLineAsync().WithinDeadline();
                Assert.NotNull(line);
                acknowledged.Add(long.Parse(line, null));
            }
        }
        finally
        {
            victim.Kill(); // SIGKILL, in the middle of batches
        }

        while (await victim.StandardOutput.ReadLineAsync().WithinDeadline() is { } line)
        {
            acknowledged.Add(long.Parse(line, null));
        }

        List<long> rows = await ReadIdsAsync(dataSource);
        Assert.Empty(acknowledged.Except(rows));
    }

    private static async Task<List<long>> ReadIdsAsync(NpgsqlDataSource dataSource)
    {
        await using NpgsqlCommand command = dataSource.CreateCommand("select id from t");
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync();
        var ids = new List<long>();
        while (await reader.ReadAsync())
        {
            ids.Add(reader.GetInt64(0));
        }

        return ids;
    }
}
