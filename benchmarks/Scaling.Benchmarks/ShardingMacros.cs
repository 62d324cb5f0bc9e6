using System.Diagnostics;
using System.Globalization;
using LocalServices;
using Npgsql;
using Scaling.Sharding;

namespace Scaling.Benchmarks;

/// <summary>Balance and movement of every map over a million keys.</summary>
internal sealed class ShardingBalance : IMacro
{
    private const int Keys = 1_000_000;

    public string Name => "sharding-balance";

    public Task RunAsync()
    {
        Console.WriteLine("| map | shards | sd of load | max / mean | keys that move when one is added | needless moves |\n|---|--:|--:|--:|--:|--:|");
        foreach (int count in (int[])[10, 100])
        {
            Shard[] before = [.. Enumerable.Range(0, count).Select(i => new Shard($"pg-{i}"))];
            Shard[] after = [.. before, new Shard($"pg-{count}")];
            var slots = new ShardMap(before);
            Measure("ShardMap", slots, slots.Add(after[^1]));
            Measure("HashRing", new HashRing(before), new HashRing(after));
            Measure("RendezvousMap", new RendezvousMap(before), new RendezvousMap(after));
            Measure("JumpMap", new JumpMap(before), new JumpMap(after));
            Measure("MaglevMap", new MaglevMap(before), new MaglevMap(after));
            Measure("KetamaRing", new KetamaRing(before), new KetamaRing(after));
        }

        return Task.CompletedTask;
    }

    private static void Measure(string name, IShardMap before, IShardMap after)
    {
        var load = before.Shards.ToDictionary(shard => shard, _ => 0);
        int moved = 0, needless = 0;
        string added = after.Shards.Except(before.Shards).Single();
        for (int i = 0; i < Keys; i++)
        {
            ShardKey key = $"user:{i}";
            string old = before.GetShard(key);
            string now = after.GetShard(key);
            load[old]++;
            moved += old == now ? 0 : 1;
            needless += old == now || now == added ? 0 : 1;
        }

        double mean = (double)Keys / load.Count;
        double sd = Math.Sqrt(load.Values.Average(value => (value - mean) * (value - mean)));
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"| {name} | {load.Count} | {100 * sd / mean:0.00} % | {load.Values.Max() / mean:0.000} | {100.0 * moved / Keys:0.00} % | {100.0 * needless / Keys:0.00} % |"));
    }
}

/// <summary>A page over eight real databases beside a page of the slowest of them.</summary>
internal sealed class ShardingPage : IMacro
{
    private const int Shards = 8;
    private const int Rounds = 2_000;
    private const int PageSize = 20;

    private static readonly ShardOrder<long> ById = new(Comparer<long>.Default, id => id.ToString(CultureInfo.InvariantCulture), id => id);

    public string Name => "sharding-page";

    public async Task RunAsync()
    {
        await using LocalPostgres server = await LocalPostgres.StartAsync();
        var map = new ShardMap(Enumerable.Range(0, Shards).Select(i => new Shard($"pg{i}")));
        var connectionStrings = new Dictionary<string, string>();
        foreach (string shard in map.Shards)
        {
            connectionStrings[shard] = await server.CreateDatabaseAsync(shard);
        }

        await using var shards = new ShardSet<NpgsqlDataSource>(map, name => NpgsqlDataSource.Create(connectionStrings[name] + ";Max Auto Prepare=10"));
        foreach (IGrouping<string, long> home in Enumerable.Range(0, 200_000).Select(i => (long)i).GroupBy(id => map.GetShard(id)))
        {
            await using NpgsqlCommand fill = shards.GetResource(home.Key).CreateCommand("create table users (id bigint primary key); insert into users select unnest(@ids)");
            fill.Parameters.AddWithValue("ids", home.ToArray());
            await fill.ExecuteNonQueryAsync();
        }

        var random = new Random(1);
        double[] single = new double[Rounds], slowest = new double[Rounds], last = new double[Rounds], merged = new double[Rounds];
        for (int round = -200; round < Rounds; round++)
        {
            string after = random.Next(150_000).ToString(CultureInfo.InvariantCulture);

            // what the page has to wait for at least: the slowest of the same eight queries, run side by side by hand
            double[] each = [];
            double all = await TimeAsync(async () => each = await Task.WhenAll(map.Shards.Select(shard => TimeAsync(() => PageAsync(shards.GetResource(shard), after, PageSize + 1, default)))));
            double page = await TimeAsync(() => shards.QueryPageAsync(ById, PageAsync, PageSize, after));
            double alone = await TimeAsync(() => PageAsync(shards.GetResource("pg0"), after, PageSize, default));
            if (round >= 0)
            {
                (slowest[round], last[round], merged[round], single[round]) = (each.Max(), all, page, alone);
            }
        }

        Console.WriteLine("| page of 20 | p50 | p95 |\n|---|--:|--:|");
        Print("one shard alone", single);
        Print("slowest of 8 shards asked side by side", slowest);
        Print("all 8 by hand, from the first question to the last answer", last);
        Print("QueryPageAsync over 8 shards", merged);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"ratio to the slowest single shard: p50 {At(merged, 50) / At(slowest, 50):0.00}, p95 {At(merged, 95) / At(slowest, 95):0.00}; to all 8 by hand: p50 {At(merged, 50) / At(last, 50):0.00}, p95 {At(merged, 95) / At(last, 95):0.00}"));
    }

    private static void Print(string name, double[] times) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {At(times, 50):0.00} ms | {At(times, 95):0.00} ms |"));

    private static double At(double[] times, int percentile) => times.Order().ElementAt(times.Length * percentile / 100);

    private static async Task<double> TimeAsync(Func<Task> action)
    {
        long started = Stopwatch.GetTimestamp();
        await action();
        return Stopwatch.GetElapsedTime(started).TotalMilliseconds;
    }

    private static async Task<IReadOnlyList<long>> PageAsync(NpgsqlDataSource source, string? after, int size, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = source.CreateCommand("select id from users where id > $1 order by id limit $2");
        command.Parameters.Add(new() { Value = long.Parse(after ?? "-1", CultureInfo.InvariantCulture) });
        command.Parameters.Add(new() { Value = size });
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
        var ids = new List<long>(size);
        while (await reader.ReadAsync(cancellationToken))
        {
            ids.Add(reader.GetInt64(0));
        }

        return ids;
    }
}
