using TierDemo.Load;

namespace TierDemo.Climb;

/// <summary>Pages per second at one depth, asked for by page number (OFFSET) and by cursor (keyset).</summary>
internal sealed record PageDepth(int Page, double Offset, double Cursor);

/// <summary>The guide's OFFSET against cursor, at the first, the middle and the last page, and its plot.</summary>
internal sealed class PageDepths(Gauge gauge, int users)
{
    private const int Size = 20;
    private const int Connections = 50;
    private const int Bar = 40;
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(0.3);

    public async Task<Verdict> MeasureAsync()
    {
        int last = Math.Max(1, users / Size); // with 10,000 users page 500, after user 9,980, as in the guide
        var depths = new List<PageDepth>();
        foreach (int page in ((int[])[1, Math.Max(1, last / 2), last]).Distinct())
        {
            double offset = await PagesPerSecondAsync($"?page={page}&limit={Size}");
            double cursor = await PagesPerSecondAsync($"?cursor={(page - 1) * Size}&limit={Size}");
            depths.Add(new PageDepth(page, offset, cursor));
        }

        foreach (string line in Plot(depths))
        {
            Console.WriteLine($"  {line}");
        }

        return Judge(depths);
    }

    public static IEnumerable<string> Plot(IReadOnlyCollection<PageDepth> depths)
    {
        double most = Math.Max(1, depths.Max(depth => Math.Max(depth.Offset, depth.Cursor)));
        string Line(string label, string way, double rate) => $"{label,-12}{way} {new string('█', (int)Math.Round(Bar * rate / most))} {rate:N0}";
        return depths
            .SelectMany(depth => (string[])[Line($"page {depth.Page:N0}", "OFFSET", depth.Offset), Line("", "cursor", depth.Cursor)])
            .Prepend($"pages of {Size} per second:");
    }

    public static Verdict Judge(IReadOnlyList<PageDepth> depths)
    {
        (PageDepth first, PageDepth last) = (depths[0], depths[^1]);
        return Verdict.Of(
            3,
            last.Cursor >= Verdict.Clearly * last.Offset,
            $"page {last.Page:N0}: cursor against OFFSET",
            $"{last.Cursor:N0}/s, {Text.Times(last.Cursor / last.Offset)} OFFSET ({last.Offset:N0}/s); of page 1's rate {last.Cursor / first.Cursor:P0}, OFFSET {last.Offset / first.Offset:P0}",
            "same speed at any depth");
    }

    private async Task<double> PagesPerSecondAsync(string query) => (await gauge.RunAsync(
        query,
        new LoadPlan(gauge.Url, Workload.Of(LoadRequest.Get($"/api/users{query}"))) { Connections = Connections, Duration = gauge.Length / 2, WarmUp = WarmUp })).RequestsPerSecond;
}
