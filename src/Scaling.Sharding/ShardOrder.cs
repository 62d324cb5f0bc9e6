namespace Scaling.Sharding;

/// <summary>The order in which items of all shards form one list, and how to say where in that list an item stands.</summary>
/// <remarks>Make one per list and keep it; it is safe for all threads if its functions are.</remarks>
/// <typeparam name="TItem">An item of the list.</typeparam>
public sealed class ShardOrder<TItem>
{
    /// <summary>Describes an order.</summary>
    /// <param name="comparer">The order in which every shard returns its items. It must be total: no two items on different shards compare equal, so end it with a key that is unique over all shards.</param>
    /// <param name="cursor">The cursor of an item: what a shard's page function takes as "after this item".</param>
    /// <param name="key">The shard key of an item. When given, an item is taken only from the shard that owns it, so that rows being moved between shards are never listed twice.</param>
    public ShardOrder(IComparer<TItem> comparer, Func<TItem, string> cursor, Func<TItem, ShardKey>? key = null)
    {
        ArgumentNullException.ThrowIfNull(comparer);
        ArgumentNullException.ThrowIfNull(cursor);
        (Comparer, Cursor, Key) = (comparer, cursor, key);
    }

    internal IComparer<TItem> Comparer { get; }

    internal Func<TItem, string> Cursor { get; }

    internal Func<TItem, ShardKey>? Key { get; }
}
