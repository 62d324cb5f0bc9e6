namespace Scaling.Sharding.Internal;

/// <summary>Reads the first so many items of one shard's list, leaving out those it does not own.</summary>
internal static class ShardPageReader
{
    public static async Task<List<TItem>> ReadAsync<TItem>(
        ShardOrder<TItem> order,
        string shard,
        IShardMap map,
        Func<string?, int, CancellationToken, Task<IReadOnlyList<TItem>>> query,
        int count,
        string? after,
        CancellationToken cancellationToken)
    {
        var items = new List<TItem>();
        TItem? last = default;
        bool hasLast = false;
        while (true)
        {
            IReadOnlyList<TItem> page = await query(after, count, cancellationToken).ConfigureAwait(false);
            ShardingMetrics.ReadForMerge(page.Count);
            foreach (TItem item in page)
            {
                if (hasLast && order.Comparer.Compare(last!, item) >= 0)
                {
                    throw new ShardException(shard, "its items are not in the order it promised, or one came twice. Sort by the same columns and collation as the comparer.");
                }

                (last, hasLast) = (item, true);

                // While slots move, a row stands on two shards: the copy is not listed before the cut-over, the original not after it.
                if (order.Key is null || map.GetShard(order.Key(item)) == shard)
                {
                    items.Add(item);
                }
            }

            if (page.Count < count || items.Count >= count)
            {
                return items;
            }

            after = order.Cursor(page[^1]);
        }
    }
}
