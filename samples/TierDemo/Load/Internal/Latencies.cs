using HdrHistogram;

namespace TierDemo.Load.Internal;

/// <summary>The latency histogram that all of the generator uses: microseconds, 1 µs to an hour, three significant digits.</summary>
internal static class Latencies
{
    private static readonly long Highest = (long)TimeSpan.FromHours(1).TotalMicroseconds;

    public static LongHistogram Create() => new(Highest, 3);

    public static void Record(LongHistogram histogram, TimeSpan latency) =>
        histogram.RecordValue(Math.Clamp((long)latency.TotalMicroseconds, 0, Highest));

    /// <summary>What a histogram of a second really holds: a few hundred pairs instead of 180 kB of mostly zeros.</summary>
    public static (long Value, long Count)[] Compress(LongHistogram histogram) =>
        [.. histogram.RecordedValues().Select(step => (step.ValueIteratedTo, step.CountAtValueIteratedTo))];

    public static LongHistogram Merge(IEnumerable<(long Value, long Count)> pairs)
    {
        LongHistogram merged = Create();
        foreach ((long value, long count) in pairs)
        {
            merged.RecordValueWithCount(value, count);
        }

        return merged;
    }
}
