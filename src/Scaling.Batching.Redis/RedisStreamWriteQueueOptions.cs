using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;

namespace Scaling.Batching.Redis;

/// <summary>How a queue bounds, delivers and gives up entries. A queue reads its options once, in its constructor.</summary>
public sealed class RedisStreamWriteQueueOptions
{
    /// <summary>
    /// The most entries that may wait, dead letters included; beyond it <see cref="RedisStreamWriteQueue{T}.EnqueueAsync"/> throws
    /// <see cref="WriteRejectedException"/>. Nothing is ever trimmed. Default one million.
    /// </summary>
    public int MaxLength { get; set; } = 1_000_000;

    /// <summary>
    /// The most entries one drain holds at a time; it fetches more when half of them are written. Default 2,000. While what it holds
    /// cannot be written, it takes no more. Higher is somewhat faster, and Redis serves nobody else while it hands out so many.
    /// </summary>
    public int MaxInFlight { get; set; } = 2_000;

    /// <summary>
    /// How long the holder of an entry may be silent before another one takes the entry over. Default 30 seconds. A living holder
    /// renews its hold however long the store is down, and one that stops hands over at once; so this is the delay after a crash.
    /// </summary>
    public TimeSpan AbandonedAfter { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How often an entry is delivered before it is taken for one that kills its process, and is moved to the dead letters.
    /// Default 5, at least 3: from the third delivery on an entry is written alone, so that its neighbours do not share the blame.
    /// </summary>
    public int MaxDeliveries { get; set; } = 5;

    /// <summary>How long an idle drain waits before it looks again. Default 20 milliseconds.</summary>
    public TimeSpan PollInterval { get; set; } = TimeSpan.FromMilliseconds(20);

    /// <summary>
    /// Tells whether an error of the write is the item's own fault, so that the entry goes to the dead letters instead of being tried
    /// again until it succeeds. Default: that of <see cref="WriteBatcherOptions.IsRowFault"/>; use the same as your batcher does.
    /// </summary>
    public Func<Exception, bool> IsRowFault { get; set; } = new WriteBatcherOptions().IsRowFault;

    /// <summary>Creates the meter <c>Scaling.Batching.Redis</c>. Default: a meter of the queue's own.</summary>
    public IMeterFactory? MeterFactory { get; set; }

    /// <summary>Where outages and dead letters are logged. Default: nowhere.</summary>
    public ILoggerFactory? LoggerFactory { get; set; }

    internal void Validate()
    {
        ArgumentNullException.ThrowIfNull(IsRowFault);
        Require(MaxLength >= 1, nameof(MaxLength), MaxLength, "at least 1");
        Require(MaxInFlight is >= 1 and <= 100_000, nameof(MaxInFlight), MaxInFlight, "between 1 and 100,000");
        Require(AbandonedAfter >= TimeSpan.FromMilliseconds(100) && AbandonedAfter <= TimeSpan.FromDays(1), nameof(AbandonedAfter), AbandonedAfter, "between 100 milliseconds and one day");
        Require(MaxDeliveries >= 3, nameof(MaxDeliveries), MaxDeliveries, "at least 3");
        Require(PollInterval > TimeSpan.Zero && PollInterval <= TimeSpan.FromMinutes(1), nameof(PollInterval), PollInterval, "positive and at most one minute");
    }

    private static void Require(bool condition, string name, object value, string remedy)
    {
        if (!condition)
        {
            throw new ArgumentOutOfRangeException(name, value, $"{name} must be {remedy}.");
        }
    }
}
