using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using LocalServices;
using Npgsql;

namespace Scaling.Sharding.Tests;

/// <summary>A minute of traffic while a shard comes and goes, and the processes that move slots and that write are killed (SIGKILL) wherever they are.</summary>
[Trait("Kind", "Soak")]
public sealed class ShardMoveSoakTests(PostgresServer server)
{
    private const int Seeded = 20_000;
    private const int Writers = 3;
    private const long VictimIds = 1_000_000_000;

    /// <summary>More than a move writes: a mover that is to die after more lines than it writes lives.</summary>
    private const int LongestLife = 120;

    private static readonly TimeSpan Length = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly ConcurrentDictionary<long, int> _acknowledged = new(Enumerable.Range(0, Seeded).Select(id => KeyValuePair.Create((long)id, 0)));
    private readonly HashSet<long> _uncertain = [];
    private readonly ConcurrentQueue<string> _wrong = new();
    private readonly ConcurrentQueue<double> _writeTimes = new();
    private readonly List<double> _pauses = [];
    private readonly Random _random = new(20_261_125);
    private readonly Dictionary<string, int> _ends = new() { ["moved"] = 0, ["finished"] = 0, ["rolled back"] = 0, ["killed"] = 0, ["writer killed"] = 0 };
    private long _nextId = 1_000_000;
    private long _reads;

    [Fact]
    public async Task Sixty_seconds_of_moves_under_load_lose_no_row_duplicate_none_and_let_no_write_through_to_the_wrong_owner()
    {
        var first = new ShardMap(["pg-0", "pg-1"]);
        await using ShardedUsers users = await ShardedUsers.CreateAsync(server, first, "pg-2");
        await users.FillAsync(Seeded);
        using var stop = new CancellationTokenSource();
        Task[] workers = [.. Enumerable.Range(0, Writers).Select(i => WriteAsync(users, first, i, stop.Token)), .. Enumerable.Range(0, 2).Select(i => ReadAsync(users, first, i, stop.Token))];
        Task victims = KillWritersAsync(users, first, stop.Token);

        var clock = Stopwatch.StartNew();
        while (clock.Elapsed < Length || _ends["killed"] == 0 || _ends["moved"] + _ends["finished"] < 2)
        {
            Assert.True(clock.Elapsed < 3 * Length, "too slow a machine: " + string.Join(", ", _ends));
            bool killed = await MoveAsync(users, first, Victim.Role.Move, dieAfter: _random.Next(LongestLife * 3 / 2));
            if (killed && _random.Next(3) == 0)
            {
                await MoveAsync(users, first, Victim.Role.RollBack, dieAfter: int.MaxValue);
            }
        }

        await MoveAsync(users, first, Victim.Role.Move, dieAfter: int.MaxValue);
        await stop.CancelAsync();
        await Task.WhenAll([.. workers, victims]);
        await CheckAsync(users);
        double[] times = [.. _writeTimes.Order()];
        _pauses.Sort();
        TestContext.Current.SendDiagnosticMessage(
            "{0}; {1} writes, {2} reads; cut-over pause median {3:0.0} ms, worst {4:0.0} ms; write p50 {5:0.0} ms, p99 {6:0.0} ms, worst {7:0.0} ms",
            string.Join(", ", _ends.Select(end => $"{end.Key} {end.Value}")), times.Length, _reads, _pauses[_pauses.Count / 2], _pauses[^1], times[times.Length / 2], times[times.Length * 99 / 100], times[^1]);
    }

    /// <summary>Runs a mover until it ends, or kills it once it has written so many lines.</summary>
    private async Task<bool> MoveAsync(ShardedUsers users, ShardMap first, Victim.Role role, int dieAfter)
    {
        await using LocalProcess mover = Victim.Start(role, users, first);
        using var deadline = new CancellationTokenSource(Patience);
        Task<int> end = mover.WaitForExitAsync(deadline.Token);
        while (!end.IsCompleted && Lines(mover).Length <= dieAfter)
        {
            await Task.Delay(2, deadline.Token);
        }

        bool killed = !end.IsCompleted;
        await mover.KillAsync();
        string[] lines = Lines(mover);
        _pauses.AddRange(lines.Where(line => line.StartsWith("pause ", StringComparison.Ordinal)).Select(line => double.Parse(line.AsSpan("pause ".Length), CultureInfo.InvariantCulture)));
        Assert.True(killed || await end == 0, mover.LogTail());
        _ends[killed ? "killed" : lines[^1]]++;
        return killed;
    }

    /// <summary>Starts writers as processes, and kills each in the middle of its work.</summary>
    private async Task KillWritersAsync(ShardedUsers users, ShardMap first, CancellationToken stop)
    {
        for (int life = 0; !stop.IsCancellationRequested; life++)
        {
            await using LocalProcess writer = Victim.Start(Victim.Role.Write, users, first, VictimIds + (life * 1_000_000));
            int lifetime = 1_000 + (life * 500);
            while (Lines(writer).Length < lifetime && !stop.IsCancellationRequested)
            {
                Assert.False(writer.HasExited, writer.LogTail());
                await Task.Delay(20, CancellationToken.None);
            }

            await writer.KillAsync();
            foreach (string[] words in Lines(writer).Select(line => line.Split(' ')))
            {
                long id = long.Parse(words[1], CultureInfo.InvariantCulture);
                _ = words[0] == "try" ? _uncertain.Add(id) : _acknowledged.TryAdd(id, 0);
            }

            _ends["writer killed"]++;
        }
    }

    private async Task WriteAsync(ShardedUsers users, ShardMap first, int worker, CancellationToken stop)
    {
        await using ShardSet<NpgsqlDataSource> router = Router(users, first, $"writer {worker}");
        var random = new Random(worker);
        while (!stop.IsCancellationRequested)
        {
            // workers write disjoint ids, so each knows the version it must find
            bool isNew = random.Next(3) == 0;
            long id = isNew ? Interlocked.Increment(ref _nextId) : (random.Next(Seeded / Writers) * Writers) + worker;
            long started = Stopwatch.GetTimestamp();
            int rows = await Traffic.WriteAsync(router, id, first.GetSlot(id), isNew);
            _writeTimes.Enqueue(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            _acknowledged.AddOrUpdate(id, 0, (_, version) => version + 1);
            if (rows != 1)
            {
                _wrong.Enqueue($"write of {id} touched {rows} rows");
            }
        }
    }

    private async Task ReadAsync(ShardedUsers users, ShardMap first, int worker, CancellationToken stop)
    {
        await using ShardSet<NpgsqlDataSource> router = Router(users, first, $"reader {worker}");
        var random = new Random(worker);
        while (!stop.IsCancellationRequested)
        {
            long id = random.Next(Seeded);
            int before = _acknowledged[id];
            int? version = await Traffic.ReadAsync(router, id, first.GetSlot(id));
            if (version is null || version < before)
            {
                _wrong.Enqueue($"read of {id} found version {version}, acknowledged was {before}");
            }

            Interlocked.Increment(ref _reads);
        }
    }

    private async Task CheckAsync(ShardedUsers users)
    {
        Assert.Empty(_wrong);
        Assert.Null(await ShardMove.FindUnfinishedAsync(users.Shards.Select(shard => users[shard])));
        ShardMap map = await ShardFence.LoadMapAsync(users.Shards.Select(shard => users[shard]));
        List<(string Shard, long Id, int Version, int Slot)> all = await users.AllAsync();
        Assert.All(all, row => Assert.Equal((map.GetShard(row.Id), map.GetSlot(row.Id)), (row.Shard, row.Slot)));
        Dictionary<long, int> found = all.ToDictionary(row => row.Id, row => row.Version); // throws on a duplicate
        Assert.All(_acknowledged, write => Assert.Equal(write.Value, found.GetValueOrDefault(write.Key, -1)));

        // what a killed writer had begun and not been told may be there or not
        Assert.All(found.Keys.Except(_acknowledged.Keys), id => Assert.Contains(id, _uncertain));
    }

    private static ShardSet<NpgsqlDataSource> Router(ShardedUsers users, ShardMap map, string name) =>
        Traffic.Router(map, shard => users.Open(shard, name), users.Shards.Select(shard => users[shard]));

    private static string[] Lines(LocalProcess process) => File.Exists(process.LogFile) ? Victim.Lines(process) : [];
}
