using Npgsql;
using TierDemo.Load;
using TierDemo.Serve;
using TierDemo.Servers;

namespace TierDemo.Climb;

/// <summary>The climb: each tier is started, warmed up, measured, stopped; Redis is killed under those that have one.</summary>
internal sealed class Ladder(Backends backends, int users, int port, TimeSpan length, CancellationToken cancellationToken)
{
    private static readonly TimeSpan FastWithoutRedis = TimeSpan.FromMilliseconds(20); // the guide's; on an otherwise idle machine
    private static readonly int[] UsersOfTier = [20, 100, 300, 500];

    private readonly List<TierRow> _rows = [];
    private readonly List<Verdict> _verdicts = [];
    private readonly Dictionary<int, Outage> _outages = [];
    private readonly Notes _notes = new();
    private readonly Workload _mix = GuideTraffic.Mix(users);

    public IReadOnlyList<TierRow> Rows => _rows;

    public IReadOnlyList<Verdict> Verdicts => _verdicts;

    /// <summary>What tier 4's callers noticed of its outage; null when Redis is not ours to kill.</summary>
    public Outage? Tier4Outage => _outages.GetValueOrDefault(4);

    public async Task ClimbAsync(int tier)
    {
        Console.WriteLine($"Tier {tier}");
        await using TierServer server = await TierServer.StartAsync(tier, port, null, backends.Settings, shed: false, cancellationToken);
        var gauge = new Gauge(server.Url, length, cancellationToken);
        if (tier == 3)
        {
            _verdicts.Add(await Curl.MissThenHitAsync(server.Url, cancellationToken)); // while the cache is empty
        }

        // Fresh processes compile their code and fill their pools and caches first: that is not what a tier is about.
        await gauge.RunAsync("warm-up, mixed traffic, 50 VUs", new LoadPlan(server.Url, _mix) { Connections = 50, Duration = 2 * length });
        await foreach (Verdict verdict in new GuideSteps(gauge, _notes, users, cancellationToken).RunAsync(tier))
        {
            _verdicts.Add(verdict);
        }

        await MixAsync(tier, gauge);
        if (tier >= 3 && backends.CanStopRedis)
        {
            await KillRedisAsync(tier, server.Url);
        }

        if (tier == 4)
        {
            await AddShardAsync(server.Url);
        }
    }

    private async Task MixAsync(int tier, Gauge gauge)
    {
        int connections = UsersOfTier[tier - 1];
        LoadResult ceiling = await gauge.CeilingAsync($"mixed traffic, {connections} VUs", _mix, connections);
        LoadResult latency = await gauge.LatencyAsync("mixed traffic at half that rate", _mix, connections, ceiling.RequestsPerSecond / 2);
        string breakPoint = await gauge.BreakPointAsync(_mix);
        _rows.Add(new TierRow(tier, connections, ceiling.RequestsPerSecond, latency.Latency.P99, gauge.Requests, gauge.Errors, breakPoint));
        _verdicts.Add(Verdict.Goal(tier, ceiling.RequestsPerSecond));
        if (tier >= 3)
        {
            long hits = ceiling.HeaderCount("x-cache", "HIT");
            double share = (double)hits / Math.Max(1, hits + ceiling.HeaderCount("x-cache", "MISS"));
            _verdicts.Add(Verdict.Of(
                tier, share >= (tier == 3 ? 0.6 : 0.8), "cache hits in mixed traffic", $"{100 * share:F0} % of the reads that may be cached, {100.0 * hits / ceiling.Requests:F0} % of all requests", tier == 3 ? "60 to 80 % after warm-up" : "over 80 %"));
        }
    }

    private async Task KillRedisAsync(int tier, Uri url)
    {
        Console.WriteLine($"  killing Redis under {RedisOutage.Rate:N0} reads/s of random users …");
        Outage outage = _outages[tier] = await new RedisOutage(backends, tier, url, users, length).RunAsync(cancellationToken);
        Console.WriteLine($"  {outage}");
        _verdicts.Add(tier == 3
            ? Verdict.Of(3, outage is { Failed: 0 }, "Redis killed, no circuit breaker", $"{outage}", "waits on a dead Redis: what tier 4 is for")
            : Verdict.Of(4, outage.Survived && outage.During < _outages[3].During && outage.During <= FastWithoutRedis, "Redis killed, circuit breaker", $"{outage}", "no failure, p99 5 to 20 ms, below tier 3's, hits again within about 30 s"));
    }

    private async Task AddShardAsync(Uri url)
    {
        const string step = "a shard added while it serves", expected = "no failure, nothing lost, nothing twice";
        Console.WriteLine($"  adding a shard under {ShardAdded.Rate:N0} requests/s of mixed traffic …");
        try
        {
            ShardAdded added = await ShardAdded.RunAsync(backends.Settings, url, users, cancellationToken);
            Console.WriteLine($"  {added}");
            _verdicts.Add(Verdict.Of(4, added.Unnoticed, step, $"{added}", expected));
        }
        catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            _verdicts.Add(new Verdict(4, Outcome.Beyond, step, $"it needs a database more, and this user may not make one: {exception.MessageText}", expected));
        }
    }
}
