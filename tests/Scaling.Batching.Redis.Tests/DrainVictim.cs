using System.Diagnostics;
using Npgsql;
using StackExchange.Redis;

namespace Scaling.Batching.Redis.Tests;

/// <summary>A process to be killed: this assembly run as a program, which drains a queue into a table.</summary>
internal static class DrainVictim
{
    private const string Variable = "SCALING_DRAIN_VICTIM";

    /// <summary>What the process does wrong.</summary>
    public enum Fate
    {
        /// <summary>Nothing: whoever started it kills it.</summary>
        Lives,

        /// <summary>Dies between the commit and the removal from the stream.</summary>
        DiesAfterCommit,

        /// <summary>Dies when it is given the item whose text is "killer".</summary>
        DiesOfTheKiller,
    }

    public static Process Start(string redis, string queue, string postgres, string table, Fate fate)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(DrainVictim).Assembly.Location]);
        start.Environment[Variable] = string.Join('|', redis, queue, postgres, table, fate);
        return Process.Start(start)!;
    }

    public static Task<int> Main(string[] args) => Environment.GetEnvironmentVariable(Variable) is { } order
        ? RunAsync(order.Split('|'))
        : Xunit.Runner.InProc.SystemConsole.ConsoleRunner.Run(args);

    private static async Task<int> RunAsync(string[] order)
    {
        Fate fate = Enum.Parse<Fate>(order[4]);
        await using NpgsqlDataSource dataSource = NpgsqlDataSource.Create(order[2]);
        await using IConnectionMultiplexer redis = await RedisServer.ConnectAsync(order[0]);
        PostgresInsert<QueuedWrite<Job>> insert = Jobs.InsertInto(order[3]);
        await using var writer = new WriteBatcher<QueuedWrite<Job>>(async (writes, ct) =>
        {
            if (fate == Fate.DiesOfTheKiller && writes.Any(write => write.Item.Text == "killer"))
            {
                Process.GetCurrentProcess().Kill();
            }

            await insert.ExecuteAsync(dataSource, writes, ct);
            if (fate == Fate.DiesAfterCommit)
            {
                Process.GetCurrentProcess().Kill();
            }
        });
        using RedisStreamWriteQueue<Job> queue = Jobs.Queue(redis, CrashTests.Impatient, order[1]);
        await queue.DrainAsync(writer.WriteAsync, CancellationToken.None);
        return 0;
    }
}
