using TierDemo.Load;

namespace TierDemo.Climb;

/// <summary>The guide's own steps for each tier, besides the mixed traffic that all have in common.</summary>
internal sealed class GuideSteps(Gauge gauge, Notes notes, int users, CancellationToken cancellationToken)
{
    private const string List = "GET /api/users, 50 connections";
    private const string One = "GET /api/users/1, 200 connections";
    private const string Post = "POST /api/users, 100 connections";
    private const string Busy = "busy share of all cores";
    private const string Queries = "queries per request";

    private static readonly LoadRequest ListRequest = LoadRequest.Get("/api/users");
    private static readonly Workload OneUser = Workload.Of(LoadRequest.Get("/api/users/1"));
    private static readonly Workload NewUser = Workload.Of(LoadRequest.PostJson("/api/users", """{"name":"Test User","email":"test@batch.com"}"""));

    public IAsyncEnumerable<Verdict> RunAsync(int tier) => tier switch
    {
        1 => Tier1Async(),
        2 => Tier2Async(),
        3 => Tier3Async(),
        _ => Tier4Async(),
    };

    private async IAsyncEnumerable<Verdict> Tier1Async()
    {
        LoadResult smoke = await gauge.LatencyAsync("smoke test, 3 VUs, 40 req/s", GuideTraffic.Mix(users), 3, 40);
        yield return Verdict.Of(1, smoke.ErrorCount == 0 && smoke.Latency.P99 < Ms(100), "smoke test, 3 VUs", $"p99 {Text.Of(smoke.Latency.P99)}, {smoke.ErrorCount} errors", "30 to 50 req/s, p99 < 100 ms, 0 errors");
        LoadResult list = await gauge.CeilingAsync("GET /api/users, 10 connections", Workload.Of(ListRequest), 10);
        yield return Verdict.Of(1, list.RequestsPerSecond >= 800 && list.Latency.P99 < Ms(50), "GET /api/users, 10 connections", Shown(list), "800 to 1,500 req/s, p99 < 50 ms");
        CpuMeter? before = CpuMeter.Read();
        await NoteAsync(1, List, Workload.Of(ListRequest), 50);
        notes[Busy, 1] = CpuMeter.Between(before, CpuMeter.Read()) ?? double.NaN;
        double writes = await NoteAsync(1, Post, NewUser, 100);
        yield return Verdict.Of(1, writes >= 500, Post, $"{writes:N0}/s, one INSERT each", "500 to 1,000 writes/s");
    }

    private async IAsyncEnumerable<Verdict> Tier2Async()
    {
        LoadResult identity = await gauge.CeilingAsync(List, Workload.Of(ListRequest), 50);
        notes[List, 2] = identity.RequestsPerSecond;
        yield return Verdict.FasterIfCoresWereIdle(2, List, notes[List, 2], 1, notes[List, 1], notes[Busy, 1], "5,000 to 12,000 req/s against 800 to 1,500, on 8 cores");

        LoadResult gzip = await gauge.CeilingAsync("the same with gzip", Workload.Of(ListRequest.WithHeader("Accept-Encoding", "gzip")), 50);
        double plain = BytesPerAnswer(identity), packed = BytesPerAnswer(gzip);
        yield return Verdict.Of(2, packed <= 0.4 * plain, "gzip", $"{plain:N0} → {packed:N0} bytes an answer, head included: {1 - (packed / plain):P0} fewer", "about 70 % fewer bytes");

        notes[Queries, 2] = (await DatabaseShare.DuringAsync(() => NoteAsync(2, One, OneUser, 200), gauge.Url, cancellationToken)).PerRequest;
        yield return await SpikeAsync();
    }

    private async IAsyncEnumerable<Verdict> Tier3Async()
    {
        DatabaseShare meanwhile = await DatabaseShare.DuringAsync(() => NoteAsync(3, One, OneUser, 200), gauge.Url, cancellationToken);
        yield return Verdict.Faster(3, "cached " + One, notes[One, 3], 2, notes[One, 2], "20,000 to 50,000 req/s, the database not involved");
        yield return Verdict.Of(3, meanwhile.PerRequest < notes[Queries, 2] / 2, "Postgres meanwhile", $"{meanwhile}, tier 2: {notes[Queries, 2]:F1} each", "few connections at work: most is served from Redis");

        yield return await new PageDepths(gauge, users).MeasureAsync();
        await NoteAsync(3, Post, NewUser, 100);
    }

    private async IAsyncEnumerable<Verdict> Tier4Async()
    {
        double writes = await NoteAsync(4, Post, NewUser, 100);
        yield return Verdict.Faster(4, "batched " + Post, writes, 1, notes[Post, 1], "5,000 to 10,000 writes/s against 500 to 1,000");
        yield return Verdict.Faster(4, "batched " + Post, writes, 3, notes[Post, 3], "faster than tier 3");
        yield return Curl.Judge(await Curl.MetricsAsync(gauge.Url, cancellationToken));
    }

    private async Task<Verdict> SpikeAsync()
    {
        Workload mix = GuideTraffic.Mix(users);
        LoadResult burst = await gauge.CeilingAsync("spike: 400 VUs at once", mix, 400);
        LoadResult calm = await gauge.CeilingAsync("spike: back to 10 VUs", mix, 10);
        return Verdict.Of(
            2,
            burst.ErrorCount + calm.ErrorCount == 0 && calm.Latency.P99 < burst.Latency.P99,
            "spike, 10 VUs to 400 and back",
            $"p99 {Text.Of(burst.Latency.P99)}, then {Text.Of(calm.Latency.P99)}; {burst.ErrorCount + calm.ErrorCount} errors",
            "survives: p99 about 300 ms, then normal again");
    }

    /// <summary>Measures a ceiling and keeps it for later tiers to compare with.</summary>
    private async Task<double> NoteAsync(int tier, string what, Workload workload, int connections) =>
        notes[what, tier] = (await gauge.CeilingAsync(what, workload, connections)).RequestsPerSecond;

    private static string Shown(LoadResult result) => $"{result.RequestsPerSecond:N0} req/s, p99 {Text.Of(result.Latency.P99)}";

    private static double BytesPerAnswer(LoadResult result) => (double)result.BytesReceived / Math.Max(1, result.Requests);

    private static TimeSpan Ms(double milliseconds) => TimeSpan.FromMilliseconds(milliseconds);
}
