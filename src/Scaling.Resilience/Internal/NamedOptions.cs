using Polly;

namespace Scaling.Resilience.Internal;

/// <summary>Options of a strategy that has none but its name in telemetry.</summary>
internal sealed class NamedOptions : ResilienceStrategyOptions
{
    public NamedOptions(string name) => Name = name;
}
