using TierDemo.Load;
using TierDemo.Serve;
using TierDemo.Servers;

namespace TierDemo.Climb;

/// <summary>The guide's steps, tier by tier, each compared with the tier before it in the same run.</summary>
internal sealed class Ladder(Backends backends, int users, int port, TimeSpan length, CancellationToken cancellationToken)
{
    private static readonly int[] Users = [20, 100, 300, 500];
    private static readonly Workload List = Workload.Of(LoadRequest.Get("/api/users"));
    private static readonly Workload One = Workload.Of(LoadRequest.Get("/api/users/1"));
    private static readonly Workload Post = Workload.Of(LoadRequest.PostJson("/api/users", """{"name":"Test User","email":"test@batch.com"}"""));

    private readonly Dictionary<string, LoadResult> _results = [];

    public List<TierRow> Rows { get; } = [];

    public List<Verdict> Verdicts { get; } = [];

    /// <summary>The outages of tiers 3 and 4.</summary>
    public Dictionary<int, Outage> Outages { get; } = [];

    public async Task ClimbAsync(int tier)
    {
        Console.WriteLine($"Tier {tier}");
        await using TierServer server = await TierServer.StartAsync(tier, port, null, backends.Settings, cancellationToken);
        var gauge = new Gauge(server.Url, length, cancellationToken);
        await StepsAsync(tier, server.Url, gauge);

        Workload mix = GuideTraffic.Mix(users);
        int connections = Users[tier - 1];
        LoadResult ceiling = await gauge.CeilingAsync($"mixed traffic, {connections} VUs", mix, connections);
        LoadResult latency = await gauge.LatencyAsync("mixed traffic at half of that", mix, connections, ceiling.RequestsPerSecond / 2);
        if (tier >= 3)
        {
            long hits = ceiling.HeaderCount("x-cache", "HIT");
            Judge(tier, hits >= 0.6 * ceiling.Requests, "cache hits in mixed traffic", $"{100.0 * hits / ceiling.Requests:F0} % of all requests", "60 to 80 % after warm-up");
        }

        string breakPoint = await gauge.BreakPointAsync(mix);
        Rows.Add(new TierRow(tier, connections, ceiling.RequestsPerSecond, latency.Latency.P99, gauge.Requests, gauge.Errors, breakPoint));
        if (tier >= 3 && backends.CanStopRedis)
        {
            await OutageAsync(tier, server.Url, gauge);
        }
    }

    private async Task StepsAsync(int tier, Uri url, Gauge gauge)
    {
        switch (tier)
        {
            case 1:
                LoadResult smoke = await gauge.LatencyAsync("smoke test, 3 VUs, 50 req/s", List, 3, 50);
                Judge(1, smoke.ErrorCount == 0 && smoke.Latency.P99 < TimeSpan.FromMilliseconds(100), "smoke test", $"p99 {Text.Of(smoke.Latency.P99)}, {smoke.ErrorCount} errors", "p99 < 100 ms, 0 errors");
                await KeepAsync(tier, gauge, "list", "GET /api/users, 50 connections", List, 50);
                LoadResult list = _results["list1"];
                Judge(1, list.RequestsPerSecond >= 800, "list throughput", $"{list.RequestsPerSecond:N0} req/s", "800 to 1,500 req/s");
                await KeepAsync(tier, gauge, "one", "GET /api/users/1, 200 connections", One, 200);
                await KeepAsync(tier, gauge, "post", "POST, 100 connections", Post, 100);
                break;
            case 2:
                await KeepAsync(tier, gauge, "list", "GET /api/users, 50 connections", List, 50);
                Compare(2, "list", 1, "list throughput", 1.1, "5,000 to 12,000 req/s on 8 cores; clearly more than tier 1");
                await CompressionAsync(url);
                await KeepAsync(tier, gauge, "one", "GET /api/users/1, 200 connections", One, 200);
                LoadResult spike = await gauge.CeilingAsync("spike, 400 connections", List, 400);
                Judge(2, spike.ErrorCount == 0, "spike", $"p99 {Text.Of(spike.Latency.P99)}, {spike.ErrorCount} errors", "survives, p99 about 300 ms");
                break;
            case 3:
                await MissThenHitAsync(url);
                await KeepAsync(tier, gauge, "one", "GET /api/users/1, 200 connections", One, 200);
                Compare(3, "one", 2, "cached reads", 1.2, "20,000 to 50,000 req/s, the database not involved");
                int page = Math.Max(1, users / 20);
                LoadResult offset = await gauge.CeilingAsync($"?page={page}&limit=20", Workload.Of(LoadRequest.Get($"/api/users?page={page}&limit=20")), 50);
                LoadResult cursor = await gauge.CeilingAsync($"?cursor={(page - 1) * 20}&limit=20", Workload.Of(LoadRequest.Get($"/api/users?cursor={(page - 1) * 20}&limit=20")), 50);
                Judge(3, cursor.RequestsPerSecond > 1.2 * offset.RequestsPerSecond, "deep page, cursor against OFFSET", $"{cursor.RequestsPerSecond / offset.RequestsPerSecond:F1} ×", "same speed however deep");
                await KeepAsync(tier, gauge, "post", "POST, 100 connections", Post, 100);
                break;
            default:
                await KeepAsync(tier, gauge, "post", "POST, 100 connections", Post, 100);
                Compare(4, "post", 3, "batched writes", 1.2, "5,000 to 10,000 writes/s against 500 to 1,000");
                await MetricsAsync(url);
                break;
        }
    }

    private async Task OutageAsync(int tier, Uri url, Gauge gauge)
    {
        Console.WriteLine("  killing Redis under 400 reads/s …");
        Outage outage = Outages[tier] = await new RedisOutage(backends, tier, url, users).RunAsync(gauge);
        string measured = $"p99 {Text.Of(outage.Before)} before, {Text.Of(outage.During)} during, {Text.Of(outage.After)} after; {outage.Failed} of {outage.Requests:N0} failed; hits again after {(outage.HitsAgainAfter is { } wait ? Text.Of(wait) : "never")}";
        Console.WriteLine($"  {measured}");
        if (tier == 3)
        {
            Judge(3, true, "Redis killed, no circuit breaker", measured, "slow: what tier 4 is for");
        }
        else
        {
            bool better = !Outages.TryGetValue(3, out Outage? without) || outage.During < without.During;
            Judge(4, outage is { Failed: 0, HitsAgainAfter: not null } && better, "Redis killed, circuit breaker", measured, "no failure, p99 5 to 20 ms, hits again within 30 s");
        }
    }

    private async Task KeepAsync(int tier, Gauge gauge, string name, string what, Workload workload, int connections) =>
        _results[$"{name}{tier}"] = await gauge.CeilingAsync(what, workload, connections);

    private void Compare(int tier, string name, int before, string step, double clearly, string expected)
    {
        double ratio = _results[$"{name}{tier}"].RequestsPerSecond / _results[$"{name}{before}"].RequestsPerSecond;
        Judge(tier, ratio >= clearly, step, $"{_results[$"{name}{tier}"].RequestsPerSecond:N0} req/s, {ratio:F1} × tier {before}", expected);
    }

    private async Task CompressionAsync(Uri url)
    {
        using var client = new HttpClient();
        int plain = (await client.GetByteArrayAsync(new Uri(url, "api/users"), cancellationToken)).Length;
        client.DefaultRequestHeaders.Add("Accept-Encoding", "gzip");
        int compressed = (await client.GetByteArrayAsync(new Uri(url, "api/users"), cancellationToken)).Length;
        double saved = 1 - ((double)compressed / plain);
        Judge(2, saved >= 0.6, "gzip", $"{plain:N0} → {compressed:N0} bytes, {saved:P0} fewer", "about 70 % fewer bytes");
    }

    private async Task MissThenHitAsync(Uri url)
    {
        using var client = new HttpClient();
        string[] answers = new string[2];
        for (int i = 0; i < answers.Length; i++)
        {
            using HttpResponseMessage answer = await client.GetAsync(new Uri(url, "api/users/1"), cancellationToken);
            answers[i] = string.Concat(answer.Headers.GetValues("x-cache"));
        }

        Judge(3, answers is ["MISS", "HIT"], "GET /api/users/1 twice", string.Join(", then ", answers), "MISS, then HIT");
    }

    private async Task MetricsAsync(Uri url)
    {
        using var client = new HttpClient();
        string text = await client.GetStringAsync(new Uri(url, "metrics"), cancellationToken);
        string[] missing = [.. ((string[])["http_requests_total", "cache_hits_total", "cache_misses_total", "db_queries_total", "errors_total"])
            .Where(name => !text.Contains($"\n{name} ", StringComparison.Ordinal))];
        Judge(4, missing.Length == 0, "/metrics", missing.Length == 0 ? "all five counters" : $"missing: {string.Join(", ", missing)}", "five counters, summed over the workers");
    }

    private void Judge(int tier, bool passed, string step, string measured, string expected) =>
        Verdicts.Add(new Verdict(tier, passed, step, measured, expected));
}
