using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using ScottPlot;
using ScottPlot.TickGenerators;

namespace Scaling.Benchmarks;

/// <summary>A page of 20 at four depths of ten million rows, every way in turn; draws docs/images/pagination-depth.png.</summary>
internal sealed class PaginationDepth : IMacro
{
    private const int Rounds = 120;
    private const int RunsPerRound = 10;
    private const double SlowBudget = 4_000; // ms a slow way may take in all
    private static readonly int[] Depths = [0, 1_000, 100_000, 9_900_000];
    private static readonly string[] Orders = [PaginationWays.OneDirection, PaginationWays.Mixed];

    public string Name => "pagination-depth";

    public async Task RunAsync()
    {
        await using PaginationTable table = await PaginationTable.CreateAsync();
        var ways = new List<PaginationWay>();
        foreach (string order in Orders)
        {
            foreach (int depth in Depths)
            {
                ways.AddRange(await new PaginationWays(table).ToPageAsync(order, depth));
            }
        }
        await MeasureAsync(ways);
        foreach (string order in Orders)
        {
            await PrintAsync(table, order, [.. ways.Where(way => way.Order == order)]);
        }
        Draw([.. ways.Where(way => way.Order == PaginationWays.Mixed)]);
    }

    /// <summary>All ways in turn, so that noise hits them alike, in blocks whose median counts; a slow one drops out when it has used its time.</summary>
    private static async Task MeasureAsync(List<PaginationWay> ways)
    {
        foreach (PaginationWay way in ways)
        {
            // Compile, connect, prepare.
            for (long start = Stopwatch.GetTimestamp(), i = 0; i < 200 && (i < 2 || Stopwatch.GetElapsedTime(start).TotalSeconds < 2); i++)
            {
                await way.RunAsync();
            }
        }
        for (int round = 0; round < Rounds; round++)
        {
            for (int i = 0; i < ways.Count; i++)
            {
                PaginationWay way = ways[(i + round) % ways.Count];
                bool slow = way.Milliseconds.Count > 0 && way.Milliseconds[0] > 2;
                if (slow && way.Milliseconds.Count >= 3 && way.Milliseconds.Sum() > SlowBudget)
                {
                    continue;
                }
                way.Milliseconds.Add(await BlockAsync(way, slow ? 1 : RunsPerRound));
            }
        }
    }

    private static async Task<double> BlockAsync(PaginationWay way, int runs)
    {
        var times = new double[runs];
        for (int i = 0; i < runs; i++)
        {
            long start = Stopwatch.GetTimestamp();
            await way.RunAsync();
            times[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }
        return PaginationWays.Quantile(times, 0.5);
    }

    private static async Task PrintAsync(PaginationTable table, string order, PaginationWay[] ways)
    {
        Console.WriteLine($"\n{order}: median ms (× hand-written of the same kind, quartiles), buffers\n\n| depth | {string.Join(" | ", ways.Select(way => way.How).Distinct())} |\n|--:|{string.Concat(Enumerable.Repeat("--:|", ways.Length / Depths.Length))}");
        foreach (IGrouping<int, PaginationWay> depth in ways.GroupBy(way => way.Depth))
        {
            var cells = new List<string>();
            foreach (PaginationWay way in depth)
            {
                string? hand = way.How switch { PaginationWays.Ours => PaginationWays.Hand, PaginationWays.EfOurs => PaginationWays.EfHand, _ => null };
                string ratio = hand is null ? "" : $" ({Ratio(way, depth.Single(other => other.How == hand))})";
                long buffers = await table.BuffersAsync(way.Sql, way.Parameters);
                cells.Add(string.Create(CultureInfo.InvariantCulture, $"{way.Median:0.000}{ratio}, {buffers:N0}"));
            }
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {depth.Key:N0} | {string.Join(" | ", cells)} |"));
        }
        foreach (IGrouping<string, PaginationWay> how in ways.GroupBy(way => way.How))
        {
            PaginationWay[] byDepth = [.. how];
            Console.WriteLine($"{how.Key}: deepest / first {Ratio(byDepth[^1], byDepth[0])}, deepest / second {Ratio(byDepth[^1], byDepth[1])}");
        }
    }

    private static string Ratio(PaginationWay way, PaginationWay other)
    {
        double[] ratios = [.. way.Milliseconds.Zip(other.Milliseconds, (left, right) => left / right)];
        return string.Create(CultureInfo.InvariantCulture, $"{PaginationWays.Quantile(ratios, 0.5):0.00}, {PaginationWays.Quantile(ratios, 0.25):0.00}–{PaginationWays.Quantile(ratios, 0.75):0.00}");
    }

    private static void Draw(PaginationWay[] ways)
    {
        using var plot = new Plot();
        plot.Title("A page of 20 of 10,000,000 rows, ORDER BY created_at DESC, id", size: 14);
        plot.XLabel("rows before the page");
        plot.YLabel("ms, log scale");
        foreach (IGrouping<string, PaginationWay> how in ways.Where(way => way.How != PaginationWays.EfHand).GroupBy(way => way.How))
        {
            var line = plot.Add.Scatter(how.Select(way => (double)Array.IndexOf(Depths, way.Depth)).ToArray(), how.Select(way => Math.Log10(way.Median)).ToArray());
            (line.LegendText, line.LineWidth, line.MarkerSize) = (how.Key, 2, 7);
        }
        double[] decades = [-1, 0, 1, 2, 3, 4];
        plot.Axes.Bottom.TickGenerator = new NumericManual([.. Depths.Select((_, i) => (double)i)], [.. Depths.Select(depth => depth.ToString("N0", CultureInfo.InvariantCulture))]);
        plot.Axes.Left.TickGenerator = new NumericManual(decades, [.. decades.Select(power => Math.Pow(10, power).ToString("#,0.##", CultureInfo.InvariantCulture))]);
        plot.Axes.SetLimits(-0.2, Depths.Length - 0.8, -1.3, 4);
        plot.ShowLegend(Alignment.UpperLeft);
        plot.SavePng(Path.Combine(SourceFolder(), "..", "..", "docs", "images", "pagination-depth.png"), 900, 420);
    }

    private static string SourceFolder([CallerFilePath] string file = "") => Path.GetDirectoryName(file)!;
}
