namespace TierDemo.Climb;

/// <summary>A line of the guide's closing table.</summary>
internal sealed record TierRow(int Tier, int Users, double RequestsPerSecond, TimeSpan P99, long Requests, long Errors, string BreakPoint);

/// <summary>What a step showed, against what the guide expects of it.</summary>
internal sealed record Verdict(int Tier, bool Passed, string Step, string Measured, string Expected);

/// <summary>Latencies and failures of one phase of a Redis outage.</summary>
internal sealed record Outage(TimeSpan Before, TimeSpan During, TimeSpan After, long Requests, long Failed, TimeSpan? HitsAgainAfter);
