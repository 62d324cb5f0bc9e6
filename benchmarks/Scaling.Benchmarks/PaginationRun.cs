using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace Scaling.Benchmarks;

/// <summary>A block of runs: median wall time of one, and the CPU time of one in this process and in its Postgres backend.</summary>
internal readonly record struct PaginationSample(double Ms, double ClientCpu, double ServerCpu)
{
    public double Cpu => ClientCpu + ServerCpu;
}

/// <summary>One way to read one page, the SQL it sends, and what it took.</summary>
internal sealed record PaginationWay(string How, Func<Task> RunAsync, string Sql, IReadOnlyList<NpgsqlParameter> Parameters, string Order = "", int Depth = 0)
{
    public List<PaginationSample> Samples { get; } = [];

    public double Median(Func<PaginationSample, double> of) => PaginationRun.Quantile(Samples.Select(of), 0.5);

    /// <summary>Median and quartiles of the ratios of blocks that ran in the same round.</summary>
    public string Ratio(PaginationWay other, Func<PaginationSample, double> of)
    {
        double[] ratios = [.. Samples.Zip(other.Samples, (left, right) => of(left) / of(right))];
        return string.Create(CultureInfo.InvariantCulture, $"{PaginationRun.Quantile(ratios, 0.5):0.00}, {PaginationRun.Quantile(ratios, 0.25):0.00}–{PaginationRun.Quantile(ratios, 0.75):0.00}");
    }
}

/// <summary>Measures ways in turn, so that noise hits them alike. Wall time feels the neighbours; CPU time hardly does.</summary>
internal static class PaginationRun
{
    private const int RunsPerBlock = 10;
    private static readonly TimeSpan Slow = TimeSpan.FromMilliseconds(2); // measured apart: it leaves cold caches to whoever comes next
    private static readonly TimeSpan SlowBudget = TimeSpan.FromSeconds(3);

    public static double Quantile(IEnumerable<double> values, double share) => values.Order().ToArray() is { Length: > 0 } sorted ? sorted[(int)(share * (sorted.Length - 1))] : double.NaN;

    public static async Task MeasureAsync(PaginationTable table, IEnumerable<PaginationWay> ways, int rounds)
    {
        var fast = new List<PaginationWay>();
        foreach (PaginationWay way in ways)
        {
            if (await WarmUpAsync(way) < Slow)
            {
                fast.Add(way);
                continue;
            }
            for (long start = Stopwatch.GetTimestamp(); way.Samples.Count < 3 || (way.Samples.Count < 20 && Stopwatch.GetElapsedTime(start) < SlowBudget);)
            {
                way.Samples.Add(await BlockAsync(table, way, runs: 1));
            }
        }
        var random = new Random(1);
        PaginationWay[] order = [.. fast];
        for (int round = 0; round < rounds; round++)
        {
            random.Shuffle(order); // nobody always follows the same way
            foreach (PaginationWay way in order)
            {
                way.Samples.Add(await BlockAsync(table, way, RunsPerBlock));
            }
        }
    }

    /// <summary>Compiles, connects, prepares; returns the time of the fastest run.</summary>
    private static async Task<TimeSpan> WarmUpAsync(PaginationWay way)
    {
        TimeSpan fastest = TimeSpan.MaxValue;
        for (long start = Stopwatch.GetTimestamp(), i = 0; i < 300 && (i < 2 || Stopwatch.GetElapsedTime(start).TotalSeconds < 2); i++)
        {
            long run = Stopwatch.GetTimestamp();
            await way.RunAsync();
            TimeSpan took = Stopwatch.GetElapsedTime(run);
            fastest = took < fastest ? took : fastest;
        }
        return fastest;
    }

    private static async Task<PaginationSample> BlockAsync(PaginationTable table, PaginationWay way, int runs)
    {
        var times = new double[runs];
        (TimeSpan client, TimeSpan server) = (Environment.CpuUsage.TotalTime, table.BackendCpu());
        for (int i = 0; i < runs; i++)
        {
            long start = Stopwatch.GetTimestamp();
            await way.RunAsync();
            times[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }
        return new PaginationSample(
            Quantile(times, 0.5),
            (Environment.CpuUsage.TotalTime - client).TotalMicroseconds / runs,
            (table.BackendCpu() - server).TotalMicroseconds / runs);
    }
}
