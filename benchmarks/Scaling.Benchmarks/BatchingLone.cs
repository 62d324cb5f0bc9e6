using System.Diagnostics;
using System.Globalization;
using LocalServices;
using Npgsql;
using Scaling.Batching;

namespace Scaling.Benchmarks;

/// <summary>What a lone caller pays for the batcher in front of a plain INSERT: one of each in turn.</summary>
internal sealed class BatchingLone : IMacro
{
    private const int Writes = 1_500;

    public string Name => "batching-lone";

    public async Task RunAsync()
    {
        await using LocalPostgres server = await LocalPostgres.StartAsync(new() { Durable = true });
        await using NpgsqlDataSource source = NpgsqlDataSource.Create(server.ConnectionString + ";Max Auto Prepare=20");
        await BatchingPostgres.ExecuteAsync(source, "create table users (id bigint generated always as identity primary key, name text not null, email text not null)");
        PostgresInsert<BatchingUser> insert = new PostgresInsert<BatchingUser>("users").Column("name", u => u.Name).Column("email", u => u.Email);
        await using var batcher = new WriteBatcher<BatchingUser>((users, ct) => insert.ExecuteAsync(source, users, ct));
        var user = new BatchingUser("Ada Lovelace", "ada@example.org");
        foreach (string commits in (string[])["on", "off"])
        {
            await BatchingPostgres.ExecuteAsync(source, $"alter system set synchronous_commit = {commits};select pg_reload_conf()");
            var plain = new List<double>();
            var ours = new List<double>();
            for (int i = -200; i < Writes; i++)
            {
                double first = await TimeAsync(() => BatchingPostgres.InsertOneAsync(source, [user]));
                double second = await TimeAsync(() => batcher.WriteAsync(user).AsTask());
                if (i >= 0)
                {
                    plain.Add(first);
                    ours.Add(second);
                }
            }

            plain.Sort();
            ours.Sort();
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"synchronous_commit {commits}: plain INSERT p50 {BatchingPostgres.At(plain, 0.5):0.000} ms, lone caller p50 {BatchingPostgres.At(ours, 0.5):0.000} ms, ratio {BatchingPostgres.At(ours, 0.5) / BatchingPostgres.At(plain, 0.5):0.00}; p90 ratio {BatchingPostgres.At(ours, 0.9) / BatchingPostgres.At(plain, 0.9):0.00}"));
        }
    }

    private static async Task<double> TimeAsync(Func<Task> action)
    {
        long started = Stopwatch.GetTimestamp();
        await action();
        return Stopwatch.GetElapsedTime(started).TotalMilliseconds;
    }
}
