namespace Scaling.Resilience;

/// <summary>What a limit algorithm may know about a finished call.</summary>
/// <param name="Now">When it finished, on a clock that only runs forward; its zero means nothing.</param>
/// <param name="Rtt">How long it ran, without the wait for its permit.</param>
/// <param name="InFlight">Calls that were running when it finished, itself included.</param>
/// <param name="Dropped">It failed in a way that speaks of overload: it timed out or was refused.</param>
public readonly record struct ConcurrencySample(TimeSpan Now, TimeSpan Rtt, int InFlight, bool Dropped = false);
