using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Scaling.Batching.Redis.Internal;

/// <summary>What a queue logs: an outage once, when it begins and when it ends, and every dead letter.</summary>
internal sealed partial class QueueLog(ILoggerFactory? factory, string queue)
{
    private readonly ILogger _logger = factory?.CreateLogger("Scaling.Batching.Redis") ?? NullLogger.Instance;

    public void RedisFails(Exception error) => RedisFails(_logger, queue, error);

    public void StoreFails(Exception error) => StoreFails(_logger, queue, error);

    public void Recovered() => Recovered(_logger, queue);

    public void Buried(string entry, Exception error) => Buried(_logger, queue, entry, error);

    public void NotHandedOver(int entries, Exception error) => NotHandedOver(_logger, queue, entries, error);

    [LoggerMessage(1, LogLevel.Warning, "Queue {Queue}: Redis fails. Entries wait until it is back.")]
    private static partial void RedisFails(ILogger logger, string queue, Exception error);

    [LoggerMessage(2, LogLevel.Warning, "Queue {Queue}: writes fail. Nothing new is taken until they succeed.")]
    private static partial void StoreFails(ILogger logger, string queue, Exception error);

    [LoggerMessage(3, LogLevel.Information, "Queue {Queue}: writing again.")]
    private static partial void Recovered(ILogger logger, string queue);

    [LoggerMessage(4, LogLevel.Error, "Queue {Queue}: entry {Entry} cannot be written and goes to the dead letters.")]
    private static partial void Buried(ILogger logger, string queue, string entry, Exception error);

    [LoggerMessage(5, LogLevel.Warning, "Queue {Queue}: {Entries} entries could not be handed over. They are taken over once they count as abandoned.")]
    private static partial void NotHandedOver(ILogger logger, string queue, int entries, Exception error);
}
