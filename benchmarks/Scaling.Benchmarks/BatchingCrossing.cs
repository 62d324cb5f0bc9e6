using System.Diagnostics;
using System.Globalization;
using LocalServices;
using Npgsql;
using Scaling.Batching;

namespace Scaling.Benchmarks;

/// <summary>From how many rows on COPY beats unnest, for narrow and wide rows, with and without an index beside the key.</summary>
internal sealed class BatchingCrossing : IMacro
{
    private const int Rounds = 15;

    public string Name => "batching-crossing";

    public async Task RunAsync()
    {
        await using LocalPostgres server = await LocalPostgres.StartAsync(new() { Durable = true });
        await using NpgsqlDataSource source = NpgsqlDataSource.Create(server.ConnectionString + ";Max Auto Prepare=20");
        await BatchingPostgres.ExecuteAsync(source, "create table narrow (id int, at timestamptz);create table users (id bigint generated always as identity primary key, name text not null, email text not null);create table wide (a bigint primary key, b int, c timestamptz, d numeric(12,2), e uuid, f text, g text, h text, i jsonb, j boolean)");
        int[] sizes = [100, 300, 1_000, 2_000, 3_000, 5_000, 10_000, 20_000];
        Console.WriteLine($"| COPY's time ÷ unnest's, rows | {string.Join(" | ", sizes.Select(size => size.ToString("N0", CultureInfo.InvariantCulture)))} |\n|---|{string.Concat(sizes.Select(_ => "--:|"))}");
        await CompareAsync("int, timestamptz; no index", "narrow", source, sizes, table => new PostgresInsert<int>(table).Column("id", i => i).Column("at", _ => DateTime.UnixEpoch));
        await CompareAsync("two short texts; identity key", "users", source, sizes, table => new PostgresInsert<int>(table).Column("name", i => $"user {i}").Column("email", i => $"user{i}@example.org"));
        await CompareAsync("ten columns, 300 bytes; key", "wide", source, sizes, table => new PostgresInsert<int>(table)
            .Column("a", i => (long)i).Column("b", i => i).Column("c", _ => DateTime.UnixEpoch).Column("d", i => i / 100m).Column("e", _ => Guid.NewGuid())
            .Column("f", i => $"first {i}").Column("g", i => $"second {i}").Column("h", _ => new string('x', 100)).Column("i", i => $$"""{"number": {{i}}}""").Column("j", i => i % 2 == 0));
    }

    private static async Task CompareAsync(string name, string table, NpgsqlDataSource source, int[] sizes, Func<string, PostgresInsert<int>> insert)
    {
        PostgresInsert<int> unnest = insert(table).CopyAbove(int.MaxValue), copy = insert(table).CopyAbove(0);
        var cells = new List<string>();
        foreach (int size in sizes)
        {
            int[] rows = [.. Enumerable.Range(0, size)];
            var ratios = new double[Rounds];
            for (int round = -3; round < Rounds; round++)
            {
                double first = await TimeAsync(unnest), second = await TimeAsync(copy);
                if (round >= 0)
                {
                    ratios[round] = second / first;
                }
            }

            cells.Add(BatchingPostgres.Median(ratios).ToString("0.00", CultureInfo.InvariantCulture));

            async Task<double> TimeAsync(PostgresInsert<int> way)
            {
                await BatchingPostgres.ExecuteAsync(source, $"truncate {table}");
                long started = Stopwatch.GetTimestamp();
                await way.ExecuteAsync(source, rows);
                return Stopwatch.GetElapsedTime(started).TotalMilliseconds;
            }
        }

        Console.WriteLine($"| {name} | {string.Join(" | ", cells)} |");
    }
}
