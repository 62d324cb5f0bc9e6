using Microsoft.Extensions.Hosting;

namespace Scaling.Batching.Redis.Internal;

/// <summary>Drains a queue for as long as the host runs. A server without streams fails the host's start.</summary>
internal sealed class QueueDrainService<T>(RedisStreamWriteQueue<T> queue, WriteBatcher<QueuedWrite<T>>? writer) : BackgroundService
{
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await queue.CheckServerAsync().ConfigureAwait(false);
        await base.StartAsync(cancellationToken).ConfigureAwait(false);
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        writer is null ? Task.CompletedTask : queue.DrainAsync(writer.WriteAsync, stoppingToken);
}
