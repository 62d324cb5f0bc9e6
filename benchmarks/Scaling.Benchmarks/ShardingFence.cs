using System.Diagnostics;
using System.Globalization;
using LocalServices;
using Npgsql;
using Scaling.Sharding;

namespace Scaling.Benchmarks;

/// <summary>What the fence costs a write: the same inserts into a table with it and one without, in turn.</summary>
internal sealed class ShardingFence : IMacro
{
    private const int Rounds = 1_000;

    public string Name => "sharding-fence";

    public async Task RunAsync()
    {
        await using LocalPostgres server = await LocalPostgres.StartAsync();
        await using NpgsqlDataSource source = NpgsqlDataSource.Create(server.ConnectionString + ";Max Auto Prepare=10");
        await using (NpgsqlCommand create = source.CreateCommand("create table fenced (id bigint primary key, slot int not null); create table bare (like fenced including all)"))
        {
            await create.ExecuteNonQueryAsync();
        }

        await ShardFence.InstallAsync(source, "pg-0", new ShardMap(["pg-0"]), ["fenced"]);
        Console.WriteLine("| rows per INSERT | without fence, p50 | with fence, p50 | more per statement |\n|--:|--:|--:|--:|");
        await using NpgsqlConnection connection = await source.OpenConnectionAsync();
        long id = 0;
        foreach (int rows in (int[])[1, 100, 1_000])
        {
            double[] bare = new double[Rounds], fenced = new double[Rounds];
            int rounds = Rounds / (rows == 1_000 ? 5 : 1);
            for (int round = -50; round < rounds; round++)
            {
                double without = await InsertAsync(connection, "bare", id, rows);
                double with = await InsertAsync(connection, "fenced", id, rows);
                id += rows;
                if (round >= 0)
                {
                    (bare[round], fenced[round]) = (without, with);
                }
            }

            (double a, double b) = (bare.Take(rounds).Order().ElementAt(rounds / 2), fenced.Take(rounds).Order().ElementAt(rounds / 2));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {rows} | {a:0} µs | {b:0} µs | {b - a:0} µs |"));
        }
    }

    private static async Task<double> InsertAsync(NpgsqlConnection connection, string table, long first, int rows)
    {
        await using var command = new NpgsqlCommand($"insert into {table} select id, id % 16384 from generate_series($1, $2) id", connection);
        command.Parameters.Add(new() { Value = first });
        command.Parameters.Add(new() { Value = first + rows - 1 });
        long started = Stopwatch.GetTimestamp();
        await command.ExecuteNonQueryAsync();
        return Stopwatch.GetElapsedTime(started).TotalMicroseconds;
    }
}
