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
    private const double SlowBlock = 2; // ms: then a block is one run
    private const double SlowBudget = 3_000; // ms a slow way may take in all

    public static double Quantile(IEnumerable<double> values, double share) => values.Order().ToArray() is { Length: > 0 } sorted ? sorted[(int)(share * (sorted.Length - 1))] : double.NaN;

    public static async Task MeasureAsync(PaginationTable table, IReadOnlyList<PaginationWay> ways, int rounds)
    {
        foreach (PaginationWay way in ways)
        {
            // Compile, connect, prepare.
            for (long start = Stopwatch.GetTimestamp(), i = 0; i < 200 && (i < 2 || Stopwatch.GetElapsedTime(start).TotalSeconds < 2); i++)
            {
                await way.RunAsync();
            }
        }
        for (int round = 0; round < rounds; round++)
        {
            for (int i = 0; i < ways.Count; i++)
            {
                PaginationWay way = ways[(i + round) % ways.Count];
                bool slow = way.Samples.Count > 0 && way.Samples[0].Ms > SlowBlock;
                if (!slow || way.Samples.Count < 3 || way.Samples.Sum(sample => sample.Ms) < SlowBudget)
                {
                    way.Samples.Add(await BlockAsync(table, way, slow ? 1 : RunsPerBlock));
                }
            }
        }
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
