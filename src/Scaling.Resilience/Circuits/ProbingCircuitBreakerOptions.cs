using Polly;

namespace Scaling.Resilience;

/// <summary>When a circuit opens and how it closes again. Start from <see cref="CircuitBreakerPresets"/>.</summary>
public sealed class ProbingCircuitBreakerOptions : ResilienceStrategyOptions
{
    /// <summary>Names the strategy <c>CircuitBreaker</c> until you name it after the dependency.</summary>
    public ProbingCircuitBreakerOptions() => Name = "CircuitBreaker";

    /// <summary>Opens after so many failures in a row; null: do not count them. Default 5.</summary>
    public int? ConsecutiveFailures { get; set; } = 5;

    /// <summary>Opens when this share of the window's calls failed; null: do not measure it. Default null.</summary>
    public double? FailureRatio { get; set; }

    /// <summary>The window of <see cref="FailureRatio"/>. Default 1 s.</summary>
    public TimeSpan Window { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Calls the window must hold before <see cref="FailureRatio"/> is judged. Default 10.</summary>
    public int MinimumCalls { get; set; } = 10;

    /// <summary>How long the circuit stays open before calls are let through as probes. Unused with a <see cref="Prober"/>. Default 5 s.</summary>
    public TimeSpan BreakDuration { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Calls let through half-open, all of which must succeed for the circuit to close. Default 3.</summary>
    public int Probes { get; set; } = 3;

    /// <summary>Asks the dependency itself while the circuit is open; then no user's call is ever the probe. Default null.</summary>
    public RecoveryProber? Prober { get; set; }

    /// <summary>
    /// Which outcomes are failures. Default (null): every exception but a cancellation. A cancellation is neither failure nor
    /// success, whatever stands here.
    /// </summary>
    public Predicate<Outcome<object>>? IsFailure { get; set; }

    internal void Validate()
    {
        if (ConsecutiveFailures is null && FailureRatio is null)
        {
            throw new ArgumentException("ProbingCircuitBreakerOptions: set ConsecutiveFailures or FailureRatio, else the circuit never opens.", nameof(ConsecutiveFailures));
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(ConsecutiveFailures ?? 1, 1, nameof(ConsecutiveFailures));
        if (FailureRatio is { } ratio && !(ratio is > 0 and <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(FailureRatio), ratio, "ProbingCircuitBreakerOptions.FailureRatio is a share: above 0, up to 1.");
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(Window, TimeSpan.FromMilliseconds(10));
        ArgumentOutOfRangeException.ThrowIfLessThan(MinimumCalls, 1);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(BreakDuration, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(Probes, 1);
    }
}
