using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Scaling.Sharding.Internal;

/// <summary>Probes every shard and reports each by name.</summary>
internal sealed class ShardHealthCheck<T>(ShardSet<T> shards, Func<T, CancellationToken, Task> probe) : IHealthCheck
    where T : class
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        IReadOnlyList<ShardResult<bool>> results = await shards.TryQueryAllAsync(
            async (resource, token) =>
            {
                await probe(resource, token).ConfigureAwait(false);
                return true;
            },
            cancellationToken).ConfigureAwait(false);
        Dictionary<string, object> data = results.ToDictionary(result => result.Shard, result => (object)(result.Error?.Message ?? "ok"));
        string[] failed = [.. results.Where(result => result.Error is not null).Select(result => result.Shard)];
        if (failed.Length == 0)
        {
            return HealthCheckResult.Healthy($"{results.Count} shards answer.", data);
        }

        HealthStatus status = failed.Length == results.Count ? context.Registration.FailureStatus : HealthStatus.Degraded;
        return new HealthCheckResult(status, $"No answer from {string.Join(", ", failed)}.", data: data);
    }
}
