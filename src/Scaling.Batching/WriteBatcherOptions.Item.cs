namespace Scaling.Batching;

/// <summary>The options that look at an item. Each delegate runs on the thread of the caller that writes the item.</summary>
/// <typeparam name="TItem">What is written.</typeparam>
public class WriteBatcherOptions<TItem> : WriteBatcherOptions
{
    /// <summary>
    /// The partition of an item, for example its shard: a batch never mixes partitions, and each has its own window and its own
    /// <see cref="WriteBatcherOptions.MaxConcurrentBatches"/>. Compared by <see cref="object.Equals(object)"/>. Default: one partition.
    /// </summary>
    /// <remarks>All partitions share one <see cref="WriteBatcherOptions.Capacity"/>; a batcher per shard isolates a dead one fully.</remarks>
    public Func<TItem, object>? PartitionBy { get; set; }

    /// <summary>
    /// The key whose writes stay in the order in which they were made, also with several batches in flight: an item waits while
    /// a batch with its key is being written. Compared by <see cref="object.Equals(object)"/>. Default: no such key.
    /// </summary>
    public Func<TItem, object>? OrderBy { get; set; }

    /// <summary>The size of an item in bytes, counted against <see cref="WriteBatcherOptions.CapacityBytes"/>.</summary>
    public Func<TItem, long>? SizeOf { get; set; }

    /// <summary>
    /// Sees every write that was sent and failed, with its error, before the caller does. For callers that do not await.
    /// An exception thrown here is logged and changes nothing for the caller.
    /// </summary>
    public Func<TItem, Exception, ValueTask>? OnDeadLetter { get; set; }

    internal override void Validate()
    {
        base.Validate();
        Require(CapacityBytes is null || SizeOf is not null, nameof(SizeOf), SizeOf, $"set when {nameof(CapacityBytes)} is");
    }
}
