using System.Globalization;
using System.Runtime.CompilerServices;
using Scaling.Resilience;
using Scaling.Resilience.Tests.Simulation;
using ScottPlot;

namespace Scaling.Benchmarks;

/// <summary>Draws docs/images/resilience-*.png and prints the tables beside them, from the simulations that the tests judge.</summary>
internal sealed class ResiliencePlots : IMacro
{
    public string Name => "resilience-plots";

    public Task RunAsync()
    {
        string images = Path.Combine(SourceFolder(), "..", "..", "docs", "images");
        Directory.CreateDirectory(images);
        Overload();
        Drift(Path.Combine(images, "resilience-drift.png"));
        Changes(Path.Combine(images, "resilience-changes.png"));
        Burst(Path.Combine(images, "resilience-overload.png"));
        Storm(Path.Combine(images, "resilience-storm.png"));
        return Task.CompletedTask;
    }

    private static void Overload()
    {
        Console.WriteLine("| service times | overload | guard | goodput | p99 of admitted | p99 / unloaded |\n|---|--:|---|--:|--:|--:|");
        foreach (bool exponential in (bool[])[false, true])
        {
            using var unloaded = new LoadRun(Guard.Nothing, spread: exponential ? Spreads.Exponential : null);
            unloaded.Run(20, unloaded.Server.Capacity * 0.3);
            foreach (int times in (int[])[2, 5, 10])
            {
                foreach (Guard guard in Enum.GetValues<Guard>())
                {
                    using var run = new LoadRun(guard, spread: exponential ? Spreads.Exponential : null);
                    run.Run(60, run.Server.Capacity * times);
                    Console.WriteLine(string.Create(
                        CultureInfo.InvariantCulture,
                        $"| {(exponential ? "exponential" : "±20 %")} | {times}× | {guard} | {run.Goodput(40):P1} | {run.P99(40):N0} ms | {run.P99(40) / unloaded.P99(20):N1} |"));
                }
            }
        }
    }

    private static void Burst(string path)
    {
        using Plot plot = NewPlot("Goodput: load is half of capacity, ten times capacity from 20 s to 40 s", "answers in time / s");
        foreach (Guard guard in Enum.GetValues<Guard>())
        {
            using var run = new LoadRun(guard, bulkhead: 500);
            run.Run(20, run.Server.Capacity * 0.5);
            run.Run(20, run.Server.Capacity * 10);
            run.Run(40, run.Server.Capacity * 0.5);
            Line(plot, guard == Guard.Bulkhead ? "Bulkhead of 500" : guard.ToString(), run.Seconds.Select(s => (double)s.Good));
        }

        Save(plot, path);
    }

    private static void Drift(string path)
    {
        using Plot plot = NewPlot("Limits under 10× overload, service times ±20 %; the knee is at 20", "limit");
        Console.WriteLine("\n| service times | algorithm | limit, last minute | goodput | p99 |\n|---|---|--:|--:|--:|");
        foreach (bool exponential in (bool[])[false, true])
        {
            (string Name, IConcurrencyLimit Limit)[] algorithms =
            [
                ("Knee (default)", new KneeLimit()), ("Vegas", new VegasLimit(random: new Random(1))),
                ("Gradient2, min 5", new Gradient2Limit(min: 5)), ("AIMD", new AimdLimit()),
            ];
            foreach ((string name, IConcurrencyLimit limit) in algorithms)
            {
                using var run = new LoadRun(Guard.Adaptive, limit, spread: exponential ? Spreads.Exponential : null);
                run.Run(120, run.Server.Capacity * 10);
                if (!exponential)
                {
                    Line(plot, name, run.Seconds.Select(s => (double)s.Limit));
                }

                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"| {(exponential ? "exponential" : "±20 %")} | {name} | {run.Seconds.TakeLast(60).Average(s => s.Limit):N0} | {run.Goodput(60):P1} | {run.P99(60):N0} ms |"));
            }
        }

        Save(plot, path);
    }

    private static void Changes(string path)
    {
        using Plot plot = NewPlot("2× overload; service time doubles at 20 s, back at 40 s; three of four workers lost at 60 s, back at 80 s", "per second");
        using var run = new LoadRun(Guard.Adaptive);
        double load = run.Server.Capacity * 2;
        run.Run(20, load);
        run.Server.ServiceTime *= 2;
        run.Run(20, load);
        run.Server.ServiceTime /= 2;
        run.Run(20, load);
        run.Server.Workers /= 4;
        run.Run(20, load);
        run.Server.Workers *= 4;
        run.Run(20, load);
        Line(plot, "goodput", run.Seconds.Select(s => (double)s.Good));
        Line(plot, "capacity", Enumerable.Range(0, 100).Select(s => s switch { >= 20 and < 40 => 200.0, >= 60 and < 80 => 100.0, _ => 400.0 }));
        Line(plot, "limit", run.Seconds.Select(s => (double)s.Limit));
        Save(plot, path);
    }

    private static void Storm(string path)
    {
        using Plot plot = NewPlot("Load 80 % of capacity; the server stops from 20 s to 25 s; three retries", "per second");
        Console.WriteLine("\n| retries | sent during the outage | goodput at the end |\n|---|--:|--:|");
        foreach (bool budget in (bool[])[false, true])
        {
            var run = new StormRun(budget);
            run.Run(20, 320);
            int before = run.Retries;
            run.Server.Workers = 0;
            run.Run(5, 320);
            int retries = run.Retries - before;
            run.Server.Workers = 20;
            run.Run(65, 320);
            string name = budget ? "with a budget" : "without";
            Line(plot, "goodput " + name, run.Seconds.Select(s => (double)s.Good));
            Line(plot, "sent " + name, run.Seconds.Select(s => (double)s.Sent), LinePattern.Dotted);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {retries} | {run.Seconds.TakeLast(10).Average(s => s.Good) / 320:P0} of the load |"));
        }

        Save(plot, path);
    }

    private static Plot NewPlot(string title, string y)
    {
        var plot = new Plot();
        plot.Title(title, size: 14);
        plot.XLabel("seconds");
        plot.YLabel(y);
        return plot;
    }

    private static void Line(Plot plot, string name, IEnumerable<double> values, LinePattern? pattern = null)
    {
        double[] ys = [.. values];
        var line = plot.Add.ScatterLine([.. Enumerable.Range(0, ys.Length).Select(i => (double)i)], ys);
        line.LegendText = name;
        line.LineWidth = 2;
        line.LinePattern = pattern ?? LinePattern.Solid;
    }

    private static void Save(Plot plot, string path)
    {
        plot.ShowLegend(Alignment.UpperRight);
        plot.Axes.SetLimitsY(0, plot.Axes.GetLimits().Top);
        plot.SavePng(path, 900, 360);
    }

    private static string SourceFolder([CallerFilePath] string file = "") => Path.GetDirectoryName(file)!;
}
