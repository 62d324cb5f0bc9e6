using TierDemo.Load;

namespace TierDemo.Climb;

/// <summary>The guide's closing table, filled in.</summary>
internal static class GuideTable
{
    public static IEnumerable<string> Lines(IEnumerable<TierRow> rows)
    {
        yield return "| Tier | VUs tested | req/s  | p99      | Errors | Break point |";
        yield return "|------|------------|--------|----------|--------|-------------|";
        foreach (TierRow row in rows)
        {
            yield return $"| {row.Tier,-4} | {row.Users,-10} | {row.RequestsPerSecond,6:N0} | {Text.Of(row.P99),-8} | {Text.ErrorShare(row.Errors, row.Requests),-6} | {row.BreakPoint} |";
        }
    }

    public static string BreakPoint(RampResult ramp, TimeSpan bound) => ramp.End switch
    {
        RampEnd.NotReached => $"> {ramp.Steps[^1].Users:N0} VUs",
        RampEnd.TooSlow => $"{ramp.BreakPoint:N0} VUs (p99 > {bound.TotalMilliseconds:N0} ms)",
        RampEnd.Errors => $"{ramp.BreakPoint:N0} VUs (errors)",
        _ => $"{ramp.BreakPoint:N0} VUs (no more req/s than before)",
    };
}
