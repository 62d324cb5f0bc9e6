using HdrHistogram;

namespace TierDemo.Load;

/// <summary>Percentiles of latency, to three significant digits (HdrHistogram). All zero when nothing was measured.</summary>
public sealed record LatencySummary(TimeSpan Mean, TimeSpan P50, TimeSpan P90, TimeSpan P99, TimeSpan P999, TimeSpan Max)
{
    internal static LatencySummary From(HistogramBase histogram) => histogram.TotalCount == 0
        ? new LatencySummary(default, default, default, default, default, default)
        : new LatencySummary(
            TimeSpan.FromMicroseconds(histogram.GetMean()),
            At(histogram, 50), At(histogram, 90), At(histogram, 99), At(histogram, 99.9), At(histogram, 100));

    private static TimeSpan At(HistogramBase histogram, double percentile) =>
        TimeSpan.FromMicroseconds(histogram.GetValueAtPercentile(percentile));
}
