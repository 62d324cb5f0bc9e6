namespace TierDemo.Load;

/// <summary>What happened in one stretch of a load: what was answered, or failed, in it. (A request that waited three seconds shows in the second in which it ended.)</summary>
/// <param name="Start">Since the measurement began.</param>
/// <param name="Length">One second, shorter for the last.</param>
/// <param name="Requests">Requests that ended in this stretch, failed ones included.</param>
/// <param name="Errors">Those of them that failed.</param>
/// <param name="Latency">Of those that were answered or timed out.</param>
public sealed record LoadWindow(TimeSpan Start, TimeSpan Length, long Requests, long Errors, LatencySummary Latency)
{
    /// <summary>Requests a second.</summary>
    public double RequestsPerSecond => Length > TimeSpan.Zero ? Requests / Length.TotalSeconds : 0;

    internal (long Value, long Count)[] Latencies { get; init; } = [];
}
