using System.Diagnostics;
using Npgsql;

namespace Scaling.Batching.Tests;

/// <summary>A process to be killed: this assembly run as a program, which writes rows and prints each id that was acknowledged.</summary>
internal static class CrashVictim
{
    private const string Variable = "SCALING_BATCHING_CRASH_VICTIM";

    public static Process Start(string connectionString)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(CrashVictim).Assembly.Location]) { RedirectStandardOutput = true };
        start.Environment[Variable] = connectionString;
        return Process.Start(start)!;
    }

    public static Task<int> Main(string[] args) => Environment.GetEnvironmentVariable(Variable) is { } connectionString
        ? RunAsync(connectionString)
        : Xunit.Runner.InProc.SystemConsole.ConsoleRunner.Run(args);

    private static async Task<int> RunAsync(string connectionString)
    {
        await using NpgsqlDataSource dataSource = NpgsqlDataSource.Create(connectionString);
        PostgresInsert<long> insert = new PostgresInsert<long>("t").Column("id", id => id);
        await using var batcher = new WriteBatcher<long>((ids, ct) => insert.ExecuteAsync(dataSource, ids, ct), new WriteBatcherOptions { MaxConcurrentBatches = 2 });
        long next = 0;
        await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => Task.Run(async () =>
        {
            while (true)
            {
                long id = Interlocked.Increment(ref next);
                await batcher.WriteAsync(id);
                Console.WriteLine(id);
            }
        })));
        return 0;
    }
}
