namespace Scaling.Batching.Redis;

/// <summary>An item on its way from the queue to the store.</summary>
/// <typeparam name="T">What is written.</typeparam>
/// <param name="id">The identity of the write.</param>
/// <param name="item">The item.</param>
public sealed class QueuedWrite<T>(Guid id, T item)
{
    /// <summary>
    /// The identity of the write, stored in the stream beside the item and the same however often the entry is delivered. Store it under
    /// a unique index and insert with <see cref="PostgresInsert{T}.OnConflictDoNothing"/>: delivery at least once then has the effect of once.
    /// </summary>
    public Guid Id { get; } = id;

    /// <summary>The item.</summary>
    public T Item { get; } = item;
}
