namespace Scaling.Resilience;

/// <summary>When to open a circuit, in one word.</summary>
public static class CircuitBreakerPresets
{
    /// <summary>Opens after this many failures in a row: right for a dependency that either answers or is gone.</summary>
    /// <param name="failures">Failures with no success between them; cancelled calls count as neither.</param>
    /// <returns>Options, to be named and tuned further.</returns>
    public static ProbingCircuitBreakerOptions Consecutive(int failures = 5) => new() { ConsecutiveFailures = failures };

    /// <summary>Opens when this share of the calls of a short window failed: right for a dependency that fails in part.</summary>
    /// <param name="failureRatio">The share, above 0 up to 1. Below 0.5 a partial failure becomes a full one.</param>
    /// <param name="window">How far back to look. Default 1 s: in a longer one, earlier successes hide an outage.</param>
    /// <param name="minimumCalls">Calls that the window must hold before it is judged.</param>
    /// <returns>Options, to be named and tuned further.</returns>
    public static ProbingCircuitBreakerOptions Ratio(double failureRatio = 0.5, TimeSpan? window = null, int minimumCalls = 10) =>
        new() { ConsecutiveFailures = null, FailureRatio = failureRatio, Window = window ?? TimeSpan.FromSeconds(1), MinimumCalls = minimumCalls };
}
