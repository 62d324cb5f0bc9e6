using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Scaling.Pagination.Internal;

/// <summary>The meter "Scaling.Pagination".</summary>
internal static class PaginationMetrics
{
    private static readonly Meter Meter = new("Scaling.Pagination");

    private static readonly Histogram<double> PageDuration =
        Meter.CreateHistogram<double>("scaling.pagination.page.duration", "s", "Time to read one page.");

    private static readonly Counter<long> RefusedCursors =
        Meter.CreateCounter<long>("scaling.pagination.cursor.refused", "{cursor}", "Cursors refused, by reason.");

    public static long Start() => PageDuration.Enabled ? Stopwatch.GetTimestamp() : 0;

    public static void PageRead(long start, string door, PageRequest request)
    {
        if (start != 0)
        {
            PageDuration.Record(
                Stopwatch.GetElapsedTime(start).TotalSeconds,
                new("door", door),
                new("direction", request.Backward ? "backward" : "forward"));
        }
    }

    public static void CursorRefused(InvalidCursorReason reason)
    {
        if (RefusedCursors.Enabled)
        {
            RefusedCursors.Add(1, new KeyValuePair<string, object?>("reason", reason.ToString()));
        }
    }
}
