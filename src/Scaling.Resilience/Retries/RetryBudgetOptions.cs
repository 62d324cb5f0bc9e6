namespace Scaling.Resilience;

/// <summary>How many retries a <see cref="RetryBudget"/> pays for.</summary>
public sealed class RetryBudgetOptions
{
    /// <summary>The <c>name</c> tag of the metrics; name it after the dependency. Default <c>default</c>.</summary>
    public string Name { get; set; } = "default";

    /// <summary>Retries earned by each success: 0.2 lets retries add at most 20 % to the load. Default 0.2.</summary>
    public double Ratio { get; set; } = 0.2;

    /// <summary>Retries per second that need not be earned, so that a quiet or a wholly failing dependency is still retried. Default 10.</summary>
    public double ReservePerSecond { get; set; } = 10;

    internal void Validate()
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(Name);
        if (!(Ratio is >= 0 and <= 1000))
        {
            throw new ArgumentOutOfRangeException(nameof(Ratio), Ratio, "RetryBudgetOptions.Ratio is a share of the successes: use 0 (reserve only) to 1000; 0.2 is customary.");
        }

        if (!(ReservePerSecond is >= 0 and <= 1_000_000))
        {
            throw new ArgumentOutOfRangeException(nameof(ReservePerSecond), ReservePerSecond, "RetryBudgetOptions.ReservePerSecond must be between 0 and 1,000,000.");
        }
    }
}
