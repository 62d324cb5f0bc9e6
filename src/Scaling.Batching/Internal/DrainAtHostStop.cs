using Microsoft.Extensions.Hosting;

namespace Scaling.Batching.Internal;

/// <summary>Drains a batcher once every hosted service has stopped and nobody can write any more.</summary>
internal sealed class DrainAtHostStop(Func<CancellationToken, Task> stop) : IHostedLifecycleService
{
    public Task StoppedAsync(CancellationToken cancellationToken) => stop(cancellationToken);

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
