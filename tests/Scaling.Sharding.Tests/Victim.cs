using System.Globalization;
using System.Text.Json;
using LocalServices;
using Npgsql;

namespace Scaling.Sharding.Tests;

/// <summary>Processes to be killed: this assembly run as a program, as a mover of slots or as a writer of users. Each tells on a line of its own what it did.</summary>
internal static class Victim
{
    private const string Variable = "SCALING_SHARDING_VICTIM";

    public enum Role
    {
        /// <summary>Finishes the move that was interrupted, or has shard pg-2 join or leave.</summary>
        Move,

        /// <summary>Takes the move that was interrupted back; finishes it if it is too late for that.</summary>
        RollBack,

        /// <summary>Writes users until it is killed.</summary>
        Write,
    }

    private sealed record Orders(Role Role, Dictionary<string, string> Shards, string Map, long FirstId);

    public static LocalProcess Start(Role role, ShardedUsers users, ShardMap map, long firstId = 0) => LocalProcess.Start(
        $"{role}",
        [Binaries.Find("dotnet"), typeof(Victim).Assembly.Location],
        new Dictionary<string, string> { [Variable] = JsonSerializer.Serialize(new Orders(role, users.ConnectionStrings.ToDictionary(), map.ToJson(), firstId)) });

    /// <summary>The complete lines that a victim has written so far.</summary>
    public static string[] Lines(LocalProcess victim) => File.ReadAllText(victim.LogFile).Split('\n')[..^1];

    public static async Task<int> Main(string[] args)
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { } orders)
        {
            return await Xunit.Runner.InProc.SystemConsole.ConsoleRunner.Run(args);
        }

        Orders order = JsonSerializer.Deserialize<Orders>(orders)!;
        Dictionary<string, NpgsqlDataSource> sources = order.Shards.ToDictionary(shard => shard.Key, shard => NpgsqlDataSource.Create(shard.Value));
        await (order.Role == Role.Write ? WriteAsync(sources, order) : MoveAsync(sources, order.Role));
        return 0;
    }

    private static async Task MoveAsync(Dictionary<string, NpgsqlDataSource> sources, Role role)
    {
        ShardPlan? unfinished = await ShardMove.FindUnfinishedAsync(sources.Values);
        ShardMap map = await ShardFence.LoadMapAsync(sources.Values);
        ShardPlan plan = unfinished ?? ShardMap.Diff(map, map.Shards.Contains("pg-2") ? map.Remove("pg-2") : map.Add("pg-2"));
        ShardMoveOptions options = ShardedUsers.Options(new Told());
        options.CleanupDelay = TimeSpan.FromMilliseconds(300);
        var move = new ShardMove(plan, name => sources[name], options);
        if (role == Role.RollBack)
        {
            try
            {
                await move.RollbackAsync();
                Console.WriteLine("rolled back");
                return;
            }
            catch (InvalidOperationException)
            {
                // past its cut-over: forward is the only way
            }
        }

        await move.RunAsync();
        Console.WriteLine(unfinished is null ? "moved" : "finished");
    }

    private static async Task WriteAsync(Dictionary<string, NpgsqlDataSource> sources, Orders order)
    {
        var map = ShardMap.FromJson(order.Map);
        await using ShardSet<NpgsqlDataSource> router = Traffic.Router(map, name => sources[name], sources.Values);
        for (long id = order.FirstId; ; id++)
        {
            Console.WriteLine($"try {id}");
            await Traffic.WriteAsync(router, id, map.GetSlot(id), isNew: true);
            Console.WriteLine($"acknowledged {id}");
        }
    }

    private sealed class Told : IProgress<ShardMoveProgress>
    {
        public void Report(ShardMoveProgress value) => Console.WriteLine(
            value.Pause is { } pause
                ? string.Create(CultureInfo.InvariantCulture, $"pause {pause.TotalMilliseconds}")
                : string.Create(CultureInfo.InvariantCulture, $"{value.From} > {value.To} {value.Phase} {value.Fraction}"));
    }
}
