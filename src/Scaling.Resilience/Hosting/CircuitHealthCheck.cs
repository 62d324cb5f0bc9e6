using Microsoft.Extensions.Diagnostics.HealthChecks;
using Scaling.Resilience.Internal;

namespace Scaling.Resilience;

/// <summary>Reads the state of this process' circuits; it makes no call and is no probe.</summary>
internal sealed class CircuitHealthCheck : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var states = new Dictionary<string, object>();
        foreach (CircuitBreaker circuit in ResilienceMetrics.Circuits.Snapshot())
        {
            string name = circuit.Name ?? "CircuitBreaker";
            CircuitState state = circuit.State;
            if (!states.TryGetValue(name, out object? known) || (CircuitState)known < state)
            {
                states[name] = state; // of several with one name, the worst
            }
        }

        string[] open = [.. states.Where(s => (CircuitState)s.Value != CircuitState.Closed).Select(s => s.Key)];
        Dictionary<string, object> data = states.ToDictionary(s => s.Key, s => (object)s.Value.ToString()!);
        return Task.FromResult(open.Length == 0
            ? HealthCheckResult.Healthy("All circuits are closed.", data)
            : new HealthCheckResult(context.Registration.FailureStatus, $"Not closed: {string.Join(", ", open)}.", data: data));
    }
}
