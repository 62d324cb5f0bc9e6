using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Scaling.Caching.Internal;

/// <summary>Reads the guard's state; asks L2 nothing. Never Unhealthy: without L2 the service is slower, not broken.</summary>
internal sealed class CacheHealthCheck(CacheAside cache) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        if (cache.Remote is not { } remote)
        {
            return Task.FromResult(HealthCheckResult.Healthy("No L2."));
        }

        var data = new Dictionary<string, object> { ["guard"] = remote.State.ToString(), ["invalidationsPending"] = remote.Owed, ["hearsOthers"] = remote.DeafSince == long.MaxValue };
        return Task.FromResult(remote.State == GuardState.Closed && remote.DeafSince == long.MaxValue
            ? HealthCheckResult.Healthy("L2 answers.", data)
            : HealthCheckResult.Degraded("L2 is away or silent; values come from this node and the source.", data: data));
    }
}
