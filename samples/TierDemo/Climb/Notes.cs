namespace TierDemo.Climb;

/// <summary>What earlier tiers of this run measured, for comparison.</summary>
internal sealed class Notes
{
    private readonly Dictionary<(string Measure, int Tier), double> _values = [];

    public double this[string measure, int tier]
    {
        get => _values[(measure, tier)];
        set => _values[(measure, tier)] = value;
    }
}
