using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Scaling.Batching.Internal;

/// <summary>Failures that no caller can see.</summary>
internal sealed partial class BatcherLog(ILoggerFactory? factory)
{
    private readonly ILogger _logger = factory?.CreateLogger("Scaling.Batching") ?? NullLogger.Instance;

    [LoggerMessage(1, LogLevel.Error, "OnDeadLetter threw; the failed write's caller still gets the original error.")]
    public partial void DeadLetterThrew(Exception error);

    [LoggerMessage(2, LogLevel.Warning, "A caller's synchronization context threw when it was handed the outcome of a write.")]
    public partial void ContextThrew(Exception error);

    [LoggerMessage(3, LogLevel.Warning, "The deadline of the stop has passed: {Queued} queued writes are rejected and {InFlight} batches in flight are cancelled.")]
    public partial void Aborting(int queued, int inFlight);

    [LoggerMessage(4, LogLevel.Error, "{Writes} writes have an unknown outcome: their delegate ignored its cancellation token.")]
    public partial void Abandoned(int writes);

    [LoggerMessage(6, LogLevel.Error, "An error outside the write delegate interrupted a batch.")]
    public partial void Interrupted(Exception error);

    [LoggerMessage(5, LogLevel.Critical, "The batcher failed, rejects what is queued and takes no more writes.")]
    public partial void Broken(Exception error);
}
