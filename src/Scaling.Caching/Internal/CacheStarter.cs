using Microsoft.Extensions.Hosting;

namespace Scaling.Caching.Internal;

/// <summary>Gives the first contact with L2 a moment before requests come in; a dead L2 does not hold up the start.</summary>
internal sealed class CacheStarter(CacheAside cache) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken) =>
        await cache.Started.WaitAsync(TimeSpan.FromSeconds(2), cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
