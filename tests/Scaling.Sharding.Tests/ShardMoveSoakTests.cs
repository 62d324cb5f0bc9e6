using System.Collections.Concurrent;
using System.Diagnostics;
using Npgsql;

namespace Scaling.Sharding.Tests;

/// <summary>A minute of traffic while shards come and go and movers and writers are killed.</summary>
[Trait("Kind", "Soak")]
public sealed class ShardMoveSoakTests(PostgresServer server)
{
    private static readonly TimeSpan Length = TimeSpan.FromSeconds(60);

    private readonly ConcurrentDictionary<long, int> _acknowledged = new();
    private readonly ConcurrentDictionary<long, int> _uncertain = new();
    private readonly ConcurrentQueue<string> _wrong = new();
    private readonly ConcurrentQueue<TimeSpan> _pauses = new();
    private readonly ConcurrentQueue<double> _writeTimes = new();
    private long _nextId = 1_000_000;
    private long _reads;

    [Fact]
    public async Task Sixty_seconds_of_moves_under_load_lose_no_row_duplicate_none_and_let_no_write_through_to_the_wrong_owner()
    {
        var map = new ShardMap(["pg-0", "pg-1"]);
        await using ShardedUsers users = await ShardedUsers.CreateAsync(server, map, "pg-2");
        await users.FillAsync(20_000);
        foreach (int id in Enumerable.Range(0, 20_000))
        {
            _acknowledged[id] = 0;
        }

        using var stop = new CancellationTokenSource();
        // each worker is a process of its own: its own router, which learns of moves only by being refused
        Task[] workers = [.. Enumerable.Range(0, 4).Select(i => WriteAsync(users, map, i, stop.Token)), .. Enumerable.Range(0, 2).Select(i => ReadAsync(users, map, i, stop.Token))];

        var clock = Stopwatch.StartNew();
        int moves = 0, moverDeaths = 0, writerDeaths = 0;
        while (clock.Elapsed < Length || moves < 4 || moverDeaths == 0 || writerDeaths == 0)
        {
            ShardMap next = moves % 2 == 0 ? map.Add("pg-2") : map.Remove("pg-2");
            ShardPlan plan = ShardMap.Diff(map, next);
            using var killer = new CancellationTokenSource();
            Task killing = moves % 3 == 0 ? KillAsync(users, "mover", TimeSpan.FromMilliseconds(150 + (moves * 70)), killer.Token) : Task.CompletedTask;
            while (true)
            {
                Dictionary<string, NpgsqlDataSource> sources = users.Shards.ToDictionary(shard => shard, shard => users.Open(shard, "mover"));
                try
                {
                    var options = ShardedUsers.Options(new Pauses(_pauses));
                    options.CleanupDelay = TimeSpan.FromMilliseconds(300);
                    map = await new ShardMove(plan, name => sources[name], options).RunAsync((_, _) => Task.CompletedTask);
                    break;
                }
                catch (Exception exception) when (IsDeath(exception))
                {
                    moverDeaths++;
                }
                finally
                {
                    foreach (NpgsqlDataSource source in sources.Values)
                    {
                        await source.DisposeAsync();
                    }
                }
            }

            await killer.CancelAsync();
            await killing;
            if (moves % 2 == 1)
            {
                await KillAsync(users, "writer 0", TimeSpan.Zero, CancellationToken.None);
                writerDeaths++;
            }

            moves++;
        }

        await stop.CancelAsync();
        await Task.WhenAll(workers);
        Assert.Empty(_wrong);
        List<(string Shard, long Id, int Version, int Slot)> all = await users.AllAsync();
        Assert.All(all, row => Assert.Equal((map.GetShard(row.Id), map.GetSlot(row.Id)), (row.Shard, row.Slot)));
        Dictionary<long, int> found = all.ToDictionary(row => row.Id, row => row.Version); // throws on a duplicate
        foreach ((long id, int version) in _acknowledged)
        {
            // a write whose connection was killed in mid-flight may or may not be there; an acknowledged one must be
            int most = version + _uncertain.GetValueOrDefault(id);
            Assert.True(found.TryGetValue(id, out int stored) && stored >= version && stored <= most, $"user {id}: acknowledged version {version}, stored {(found.TryGetValue(id, out stored) ? stored : -1)}");
        }

        Assert.All(found.Keys.Except(_acknowledged.Keys), id => Assert.True(_uncertain.ContainsKey(id), $"user {id} came from nowhere"));
        double[] times = [.. _writeTimes.Order()];
        TestContext.Current.SendDiagnosticMessage(
            "{0} moves, {1} mover deaths, {2} writer deaths, {3} writes, {4} reads; cut-over pause median {5:0.0} ms, worst {6:0.0} ms; write p50 {7:0.0} ms, p99 {8:0.0} ms, worst {9:0.0} ms",
            moves, moverDeaths, writerDeaths, times.Length, _reads, _pauses.Order().ElementAt(_pauses.Count / 2).TotalMilliseconds, _pauses.Max().TotalMilliseconds, times[times.Length / 2], times[times.Length * 99 / 100], times[^1]);
    }

    private async Task WriteAsync(ShardedUsers users, ShardMap first, int worker, CancellationToken stop)
    {
        await using ShardSet<NpgsqlDataSource> shards = Router(users, first, $"writer {worker}");
        var random = new Random(worker);
        while (!stop.IsCancellationRequested)
        {
            // workers write disjoint ids, so each knows the version it must find
            bool insert = random.Next(3) == 0;
            long id = insert ? Interlocked.Increment(ref _nextId) : (random.Next(5_000) * 4) + worker;
            string sql = insert
                ? "insert into users (id, name, slot) values ($1, 'new', $2)"
                : "update users set version = version + 1 where id = $1 and slot = $2";
            long started = Stopwatch.GetTimestamp();
            try
            {
                int rows = await shards.ExecuteAsync(id, async (source, ct) =>
                {
                    await using NpgsqlConnection connection = await source.OpenConnectionAsync(ct);
                    await using var batch = new NpgsqlBatch(connection)
                    {
                        BatchCommands = { new("select scaling_sharding.require_slot($1)"), new(sql) },
                    };
                    batch.BatchCommands[0].Parameters.Add(new() { Value = first.GetSlot(id) });
                    batch.BatchCommands[1].Parameters.Add(new() { Value = id });
                    batch.BatchCommands[1].Parameters.Add(new() { Value = first.GetSlot(id) });
                    await batch.ExecuteNonQueryAsync(ct);
                    return (int)batch.BatchCommands[1].RecordsAffected;
                }, CancellationToken.None);
                if (rows != 1)
                {
                    _wrong.Enqueue($"write of {id} touched {rows} rows");
                }

                _acknowledged.AddOrUpdate(id, 0, (_, version) => version + 1);
                _writeTimes.Enqueue(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            }
            catch (Exception exception) when (IsDeath(exception))
            {
                _uncertain.AddOrUpdate(id, 1, (_, count) => count + 1);
            }
        }
    }

    private async Task ReadAsync(ShardedUsers users, ShardMap first, int worker, CancellationToken stop)
    {
        await using ShardSet<NpgsqlDataSource> shards = Router(users, first, $"reader {worker}");
        var random = new Random(worker);
        while (!stop.IsCancellationRequested)
        {
            // a read that must be current asks for the slot first, like a write
            long id = random.Next(20_000);
            int before = _acknowledged[id];
            int? version = await shards.ExecuteAsync(id, async (source, ct) =>
            {
                await using NpgsqlConnection connection = await source.OpenConnectionAsync(ct);
                await using var batch = new NpgsqlBatch(connection)
                {
                    BatchCommands = { new("select scaling_sharding.require_slot($1)"), new("select version from users where id = $1") },
                };
                batch.BatchCommands[0].Parameters.Add(new() { Value = first.GetSlot(id) });
                batch.BatchCommands[1].Parameters.Add(new() { Value = id });
                await using NpgsqlDataReader reader = await batch.ExecuteReaderAsync(ct);
                await reader.NextResultAsync(ct);
                return await reader.ReadAsync(ct) ? reader.GetInt32(0) : (int?)null;
            }, CancellationToken.None);
            if (version is null || version < before)
            {
                _wrong.Enqueue($"read of {id} found version {version}, acknowledged was {before}");
            }

            Interlocked.Increment(ref _reads);
        }
    }

    private static ShardSet<NpgsqlDataSource> Router(ShardedUsers users, ShardMap map, string name) => new(
        map,
        shard => users.Open(shard, name),
        new ShardSetOptions { LoadMap = async ct => await ShardFence.LoadMapAsync(users.Shards.Select(shard => users[shard]), ct) });

    /// <summary>Ends every connection of an application at once: to the databases, this is what its SIGKILL looks like.</summary>
    private static async Task KillAsync(ShardedUsers users, string application, TimeSpan delay, CancellationToken cancellationToken)
    {
        try
        {
            await Task.Delay(delay, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            return;
        }

        await users.RunAsync("pg-0", "select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1", application);
    }

    private static bool IsDeath(Exception exception) =>
        exception is PostgresException { SqlState: PostgresErrorCodes.AdminShutdown } or NpgsqlException { InnerException: IOException or System.Net.Sockets.SocketException }
        || (exception.InnerException is { } inner && IsDeath(inner));

    private sealed class Pauses(ConcurrentQueue<TimeSpan> pauses) : IProgress<ShardMoveProgress>
    {
        public void Report(ShardMoveProgress value)
        {
            if (value.Pause is { } pause)
            {
                pauses.Enqueue(pause);
            }
        }
    }
}
