namespace TierDemo.Climb;

/// <summary>A line of the guide's closing table.</summary>
/// <param name="Tier">1 to 4.</param>
/// <param name="Users">Connections of the mixed traffic, as in the guide.</param>
/// <param name="RequestsPerSecond">Its ceiling, in the closed loop.</param>
/// <param name="P99">At half of that, in the open loop.</param>
/// <param name="Requests">All requests of all the tier's steps; those while Redis is dead are judged by themselves.</param>
/// <param name="Errors">Those of them that failed.</param>
/// <param name="BreakPoint">Where adding users broke it.</param>
internal sealed record TierRow(int Tier, int Users, double RequestsPerSecond, TimeSpan P99, long Requests, long Errors, string BreakPoint);
