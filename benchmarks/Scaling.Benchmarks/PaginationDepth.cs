using System.Globalization;
using System.Runtime.CompilerServices;
using ScottPlot;
using ScottPlot.TickGenerators;

namespace Scaling.Benchmarks;

/// <summary>A page of 20 at four depths of ten million rows, every way in turn; draws docs/images/pagination-depth.png.</summary>
internal sealed class PaginationDepth : IMacro
{
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
        await PaginationRun.MeasureAsync(table, ways, rounds: 150);
        foreach (string order in Orders)
        {
            await PrintAsync(table, order, [.. ways.Where(way => way.Order == order)]);
        }
        Draw([.. ways.Where(way => way.Order == PaginationWays.Mixed)]);
    }

    private static async Task PrintAsync(PaginationTable table, string order, PaginationWay[] ways)
    {
        string[] hows = [.. ways.Select(way => way.How).Distinct()];
        Console.WriteLine($"\n{order}: ms, buffers\n\n| depth | {string.Join(" | ", hows)} |\n|--:|{string.Concat(Enumerable.Repeat("--:|", hows.Length))}");
        foreach (IGrouping<int, PaginationWay> depth in ways.GroupBy(way => way.Depth))
        {
            var cells = new List<string>();
            foreach (PaginationWay way in depth)
            {
                long buffers = await table.BuffersAsync(way.Sql, way.Parameters);
                cells.Add(string.Create(CultureInfo.InvariantCulture, $"{way.Median(sample => sample.Ms):0.000}, {buffers:N0}"));
            }
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {depth.Key:N0} | {string.Join(" | ", cells)} |"));
        }
        Console.WriteLine("\n| depth | ours / hand-written SQL: time | CPU | ours / hand-written EF Core: time | CPU | CPU µs of ours by SQL: client + server |\n|--:|--:|--:|--:|--:|--:|");
        foreach (IGrouping<int, PaginationWay> depth in ways.GroupBy(way => way.Depth))
        {
            PaginationWay Way(string how) => depth.Single(way => way.How == how);
            (PaginationWay ours, PaginationWay hand, PaginationWay ef, PaginationWay efHand) = (Way(PaginationWays.Ours), Way(PaginationWays.Hand), Way(PaginationWays.EfOurs), Way(PaginationWays.EfHand));
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {depth.Key:N0} | {ours.Ratio(hand, Ms)} | {ours.Ratio(hand, Cpu)} | {ef.Ratio(efHand, Ms)} | {ef.Ratio(efHand, Cpu)} | {ours.Median(s => s.ClientCpu):0} + {ours.Median(s => s.ServerCpu):0} |"));
        }
        Console.WriteLine("\n| | deepest / first: time | CPU | deepest / second: time | CPU |\n|---|--:|--:|--:|--:|");
        foreach (string how in hows)
        {
            PaginationWay[] byDepth = [.. ways.Where(way => way.How == how)];
            Console.WriteLine($"| {how} | {byDepth[^1].Ratio(byDepth[0], Ms)} | {byDepth[^1].Ratio(byDepth[0], Cpu)} | {byDepth[^1].Ratio(byDepth[1], Ms)} | {byDepth[^1].Ratio(byDepth[1], Cpu)} |");
        }

        static double Ms(PaginationSample sample) => sample.Ms;
        static double Cpu(PaginationSample sample) => sample.Cpu;
    }

    private static void Draw(PaginationWay[] ways)
    {
        using var plot = new Plot();
        plot.Title("A page of 20 of 10,000,000 rows, ORDER BY created_at DESC, id", size: 14);
        plot.XLabel("rows before the page");
        plot.YLabel("ms, log scale");
        foreach (IGrouping<string, PaginationWay> how in ways.Where(way => way.How is not (PaginationWays.EfHand or PaginationWays.Hand)).GroupBy(way => way.How))
        {
            var line = plot.Add.Scatter(how.Select(way => (double)Array.IndexOf(Depths, way.Depth)).ToArray(), how.Select(way => Math.Log10(way.Median(sample => sample.Ms))).ToArray());
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
