using System.Diagnostics;
using System.Globalization;
using System.Text;
using LocalServices;
using Npgsql;
using NpgsqlTypes;
using Scaling.Batching;

namespace Scaling.Benchmarks;

/// <summary>A user as the benchmarks of Batching insert it.</summary>
internal sealed record BatchingUser(string Name, string Email);

/// <summary>Rows per second into a Postgres that syncs its commits: every way to insert in turn, round after round, and what each caller waits.</summary>
internal sealed class BatchingPostgres : IMacro
{
    private const int Rounds = 5, WarmUps = 2, TimedCallers = 100;
    private static readonly TimeSpan s_slice = TimeSpan.FromSeconds(2);

    private const string Single = "single INSERT, 64 connections", Copy = "COPY of 10,000 by hand";

    private static readonly PostgresInsert<BatchingUser> s_insert = new PostgresInsert<BatchingUser>("users").Column("name", u => u.Name).Column("email", u => u.Email);

    public string Name => "batching-postgres";

    public Task RunAsync() => RunAsync(_ => true);

    /// <summary>Measures some of the ways.</summary>
    internal static async Task RunAsync(Predicate<string> isWanted)
    {
        await using LocalPostgres server = await LocalPostgres.StartAsync(new() { Durable = true });
        string settings = server.ConnectionString + ";Max Auto Prepare=20;";
        await using NpgsqlDataSource many = NpgsqlDataSource.Create(settings + "Minimum Pool Size=64;Maximum Pool Size=64");
        await using NpgsqlDataSource source = NpgsqlDataSource.Create(settings + "Minimum Pool Size=4;Maximum Pool Size=4"); // who batches needs few
        await ExecuteAsync(source, "create table users (id bigint generated always as identity primary key, name text not null, email text not null, created_at timestamptz not null default now())");

        (string Name, int Callers, int RowsPerCall, Func<IAsyncDisposable, Func<BatchingUser[], ValueTask>> Call, Func<IAsyncDisposable> Open)[] ways = [
            Hand("single INSERT, 1 connection", 1, 1, rows => InsertOneAsync(many, rows)),
            Hand("single INSERT, 8 connections", 8, 1, rows => InsertOneAsync(many, rows)),
            Hand(Single, 64, 1, rows => InsertOneAsync(many, rows)),
            Hand("NpgsqlBatch of 1,000 by hand", 1, 1_000, rows => BatchAsync(source, rows)),
            Hand("multi-VALUES of 1,000 by hand", 1, 1_000, rows => ValuesAsync(source, rows)),
            Hand("unnest of 1,000 by hand", 1, 1_000, rows => UnnestAsync(source, rows)),
            Hand("COPY of 1,000 by hand", 1, 1_000, rows => CopyAsync(source, rows)),
            Hand(Copy, 1, 10_000, rows => CopyAsync(source, rows)),
            Hand("COPY of 5,000 by hand, 2 connections", 2, 5_000, rows => CopyAsync(source, rows)),
            Hand("`PostgresInsert` of 1,000 (unnest), no batcher", 1, 1_000, rows => s_insert.ExecuteAsync(source, rows)),
            Hand("`PostgresInsert` of 10,000 (COPY), no batcher", 1, 10_000, rows => s_insert.ExecuteAsync(source, rows)),
            Ours("**WriteBatcher**, 1 caller", 1, new()),
            Ours("**WriteBatcher**, 10 callers", 10, new()),
            Ours("**WriteBatcher**, 100 callers", 100, new()),
            Ours("**WriteBatcher**, 1,000 callers", 1_000, new()),
            Ours("**WriteBatcher**, 10,000 callers", 10_000, new()),
            Ours("**WriteBatcher**, 10,000 callers, MaxBatchSize 1,000", 10_000, new() { MaxBatchSize = 1_000 }),
            Ours("**WriteBatcher**, 1,000 callers, MaxConcurrentBatches 2", 1_000, new() { MaxConcurrentBatches = 2 }),
            Ours("**WriteBatcher**, 10,000 callers, MaxConcurrentBatches 2", 10_000, new() { MaxConcurrentBatches = 2 })];
        ways = [.. ways.Where(way => isWanted(way.Name))];

        var rates = new double[ways.Length][];
        List<double>[] latencies = [.. ways.Select(_ => new List<double>())];
        for (int round = -WarmUps; round < Rounds; round++)
        {
            for (int i = 0; i < ways.Length; i++)
            {
                await ExecuteAsync(source, "truncate users; checkpoint");
                await using IAsyncDisposable scope = ways[i].Open();
                (double rate, List<double> waits) = await MeasureAsync(ways[i].Callers, ways[i].RowsPerCall, ways[i].Call(scope));
                if (round >= 0)
                {
                    (rates[i] ??= new double[Rounds])[round] = rate;
                    latencies[i].AddRange(waits);
                }
            }
        }

        Console.WriteLine("| | rows/s, median | × single on 64 | × COPY of 10,000 | p50 per call | p99 per call |\n|---|--:|--:|--:|--:|--:|");
        for (int i = 0; i < ways.Length; i++)
        {
            double rate = Median(rates[i]);
            latencies[i].Sort();
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {ways[i].Name} | {rate:N0} | {rate / RateOf(Single):0.0} | {rate / RateOf(Copy):0.00} | {At(latencies[i], 0.5):0.0} ms | {At(latencies[i], 0.99):0.0} ms |"));
        }

        double? RateOf(string name) => Array.FindIndex(ways, way => way.Name == name) is >= 0 and var i ? Median(rates[i]) : null;

        (string, int, int, Func<IAsyncDisposable, Func<BatchingUser[], ValueTask>>, Func<IAsyncDisposable>) Ours(string name, int callers, WriteBatcherOptions options) => (
            name, callers, 1, batcher => rows => ((WriteBatcher<BatchingUser>)batcher).WriteAsync(rows[0]),
            () => new WriteBatcher<BatchingUser>((users, ct) => s_insert.ExecuteAsync(source, users, ct), options));
    }

    private static (string, int, int, Func<IAsyncDisposable, Func<BatchingUser[], ValueTask>>, Func<IAsyncDisposable>) Hand(string name, int callers, int rows, Func<BatchingUser[], Task> call) =>
        (name, callers, rows, _ => batch => new(call(batch)), () => new MemoryStream());

    private static async Task<(double Rate, List<double> Waits)> MeasureAsync(int callers, int rowsPerCall, Func<BatchingUser[], ValueTask> call)
    {
        using var end = new CancellationTokenSource(s_slice);
        CancellationToken ended = end.Token;
        long started = Stopwatch.GetTimestamp();
        (long Calls, List<double> Waits)[] done = await Task.WhenAll(Enumerable.Range(0, callers).Select(caller => Task.Run(async () =>
        {
            BatchingUser[] rows = [.. Enumerable.Range(0, rowsPerCall).Select(i => new BatchingUser($"user {caller} {i}", $"user{caller}.{i}@example.org"))];
            bool isTimed = caller < TimedCallers; // a watch on each of ten thousand would cost a tenth of what it measures
            var waits = new List<double>();
            long calls = 0;
            for (; !ended.IsCancellationRequested; calls++)
            {
                long before = isTimed ? Stopwatch.GetTimestamp() : 0;
                await call(rows);
                if (isTimed)
                {
                    waits.Add(Stopwatch.GetElapsedTime(before).TotalMilliseconds);
                }
            }

            return (calls, waits);
        })));
        double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        return (done.Sum(caller => caller.Calls) * rowsPerCall / seconds, [.. done.SelectMany(caller => caller.Waits)]);
    }

    internal static async Task InsertOneAsync(NpgsqlDataSource source, BatchingUser[] rows)
    {
        await using NpgsqlCommand command = source.CreateCommand("insert into users (name, email) values ($1, $2)");
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = rows[0].Name });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = rows[0].Email });
        await command.ExecuteNonQueryAsync();
    }

    private static async Task BatchAsync(NpgsqlDataSource source, BatchingUser[] rows)
    {
        await using NpgsqlBatch batch = source.CreateBatch();
        foreach (BatchingUser row in rows)
        {
            batch.BatchCommands.Add(new NpgsqlBatchCommand("insert into users (name, email) values ($1, $2)")
            {
                Parameters = { new NpgsqlParameter<string> { TypedValue = row.Name }, new NpgsqlParameter<string> { TypedValue = row.Email } },
            });
        }

        await batch.ExecuteNonQueryAsync();
    }

    private static async Task ValuesAsync(NpgsqlDataSource source, BatchingUser[] rows)
    {
        var sql = new StringBuilder("insert into users (name, email) values ");
        await using NpgsqlCommand command = source.CreateCommand();
        for (int i = 0; i < rows.Length; i++)
        {
            sql.Append(CultureInfo.InvariantCulture, $"{(i == 0 ? "" : ",")}(${(2 * i) + 1},${(2 * i) + 2})");
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = rows[i].Name });
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = rows[i].Email });
        }

        command.CommandText = sql.ToString();
        await command.ExecuteNonQueryAsync();
    }

    private static async Task UnnestAsync(NpgsqlDataSource source, BatchingUser[] rows)
    {
        await using NpgsqlCommand command = source.CreateCommand("insert into users (name, email) select * from unnest($1, $2)");
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = Array.ConvertAll(rows, row => row.Name) });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = Array.ConvertAll(rows, row => row.Email) });
        await command.ExecuteNonQueryAsync();
    }

    private static async Task CopyAsync(NpgsqlDataSource source, BatchingUser[] rows)
    {
        await using NpgsqlConnection connection = await source.OpenConnectionAsync();
        await using NpgsqlBinaryImporter importer = await connection.BeginBinaryImportAsync("copy users (name, email) from stdin (format binary)");
        foreach (BatchingUser row in rows)
        {
            await importer.StartRowAsync();
            await importer.WriteAsync(row.Name, NpgsqlDbType.Text);
            await importer.WriteAsync(row.Email, NpgsqlDbType.Text);
        }

        await importer.CompleteAsync();
    }

    internal static async Task ExecuteAsync(NpgsqlDataSource source, string sql)
    {
        foreach (string one in sql.Split(';'))
        {
            await using NpgsqlCommand command = source.CreateCommand(one);
            await command.ExecuteNonQueryAsync();
        }
    }

    internal static double Median(double[] values) => values.Order().ElementAt(values.Length / 2);

    internal static double At(List<double> sorted, double part) => sorted[Math.Min(sorted.Count - 1, (int)(sorted.Count * part))];
}
