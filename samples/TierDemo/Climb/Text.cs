using System.Globalization;

namespace TierDemo.Climb;

/// <summary>Numbers as the report writes them.</summary>
internal static class Text
{
    public static string Of(TimeSpan time) => time switch
    {
        { TotalMilliseconds: >= 1_000 } => $"{time.TotalSeconds.ToString("F1", CultureInfo.InvariantCulture)} s",
        _ => $"{time.TotalMilliseconds.ToString("F1", CultureInfo.InvariantCulture)} ms",
    };

    public static string Times(double ratio) => $"{ratio.ToString("F1", CultureInfo.InvariantCulture)} ×";

    /// <summary>A share of failures is never rounded down to none.</summary>
    public static string ErrorShare(long errors, long requests) => (errors, requests) switch
    {
        (0, _) => "0 %",
        (_, 0) => "100 %",
        _ => Math.Max(0.01, 100.0 * errors / requests).ToString("0.##", CultureInfo.InvariantCulture) + " %",
    };
}
