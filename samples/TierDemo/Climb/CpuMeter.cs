using System.Globalization;

namespace TierDemo.Climb;

/// <summary>How busy the whole machine is between two moments, from /proc/stat.</summary>
internal readonly record struct CpuMeter(long Busy, long Total)
{
    private const int Idle = 3;
    private const int WaitingForDisk = 4;
    private const int Guest = 8; // counted in user time already

    /// <summary>The counters now; null where there is no /proc/stat.</summary>
    public static CpuMeter? Read() => File.Exists("/proc/stat") ? Parse(File.ReadLines("/proc/stat").First()) : null;

    /// <summary>The share of all cores that was busy between two readings, 0 to 1.</summary>
    public static double? Between(CpuMeter? before, CpuMeter? after) =>
        before is { } from && after is { } to && to.Total > from.Total ? (double)(to.Busy - from.Busy) / (to.Total - from.Total) : null;

    internal static CpuMeter Parse(string firstLine)
    {
        long[] ticks = [.. firstLine.Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Take(Guest).Select(text => long.Parse(text, CultureInfo.InvariantCulture))];
        long total = ticks.Sum();
        return new CpuMeter(total - ticks[Idle] - ticks[WaitingForDisk], total);
    }
}
