namespace TierDemo.Load;

/// <summary>Reported about once a second while a load runs.</summary>
/// <param name="Elapsed">Since the measurement began; zero during the warm-up.</param>
/// <param name="WarmingUp">Nothing is counted yet.</param>
/// <param name="Requests">Requests ended so far.</param>
/// <param name="Errors">Those of them that failed.</param>
/// <param name="RequestsPerSecond">Over the last whole second.</param>
/// <param name="P99">Over the last whole second.</param>
public sealed record LoadProgress(TimeSpan Elapsed, bool WarmingUp, long Requests, long Errors, double RequestsPerSecond, TimeSpan P99);
