using TierDemo.Load;

namespace TierDemo.Climb;

/// <summary>What callers noticed of a Redis outage.</summary>
/// <param name="Before">The p99 before it.</param>
/// <param name="During">The p99 from the kill until hits came again.</param>
/// <param name="After">The p99 from then on; null when there was no such time.</param>
/// <param name="Requests">All requests of the load.</param>
/// <param name="Failed">Those that failed or could not even be sent.</param>
/// <param name="HitsAgainAfter">From Redis's return until it served again; null when it did not.</param>
internal sealed record Outage(TimeSpan Before, TimeSpan During, TimeSpan? After, long Requests, long Failed, TimeSpan? HitsAgainAfter)
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(1);

    public bool Survived => this is { Failed: 0, HitsAgainAfter: not null };

    /// <summary>Splits a load, by the moments (since its start) of the kill and of Redis's return.</summary>
    /// <remarks>
    /// Latencies are listed by the second in which the answer came. What the outage stalled is answered just after it, so the outage has one second
    /// more; the second of the kill belongs to it too, and the first second of the load, which opens pools, to nobody.
    /// </remarks>
    public static Outage Split(LoadResult load, TimeSpan killed, TimeSpan returned, TimeSpan? hitsAgainAfter)
    {
        TimeSpan kill = WholeSecond(killed);
        TimeSpan settled = WholeSecond(returned + (hitsAgainAfter ?? load.Elapsed)) + (2 * Window);
        return new Outage(
            load.Between(Window, kill).Latency.P99,
            load.Between(kill, settled).Latency.P99,
            settled < load.Elapsed ? load.Between(settled, load.Elapsed).Latency.P99 : null,
            load.Requests + load.Unsent,
            load.ErrorCount + load.Unsent,
            hitsAgainAfter);
    }

    public override string ToString() =>
        $"p99 {Text.Of(Before)} before, {Text.Of(During)} during{(After is { } after ? $", {Text.Of(after)} after" : "")}; " +
        $"{Failed:N0} of {Requests:N0} failed; hits again {(HitsAgainAfter is { } wait ? $"{Text.Of(wait)} after its return" : "never")}";

    private static TimeSpan WholeSecond(TimeSpan time) => TimeSpan.FromSeconds(Math.Floor(time.TotalSeconds));
}
