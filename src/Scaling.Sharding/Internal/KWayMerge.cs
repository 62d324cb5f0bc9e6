namespace Scaling.Sharding.Internal;

/// <summary>The heads of k sorted shards; the smallest comes out first, and a shard that breaks its order is named.</summary>
internal sealed class KWayMerge<TItem>(IReadOnlyList<string> shards, IComparer<TItem> comparer, bool rejectEqual)
{
    private readonly PriorityQueue<int, (TItem Item, int Shard)> _heads = new(shards.Count, new HeadOrder(comparer));
    private readonly TItem?[] _lastOf = new TItem?[shards.Count];
    private readonly bool[] _hasLast = new bool[shards.Count];
    private (TItem Item, int Shard)? _popped;

    public bool IsEmpty => _heads.Count == 0;

    /// <summary>Adds the next item of a shard; one head per shard at a time.</summary>
    public void Push(int shard, TItem item)
    {
        if (_hasLast[shard] && comparer.Compare(_lastOf[shard]!, item) > 0)
        {
            throw new ShardException(shards[shard], $"its items are not in the order it promised. Sort by the same columns and collation as the comparer.");
        }

        (_lastOf[shard], _hasLast[shard]) = (item, true);
        _heads.Enqueue(shard, (item, shard));
    }

    public bool TryPop(out int shard, out TItem item)
    {
        RequireNoEqualHead();
        bool any = _heads.TryDequeue(out shard, out (TItem Item, int Shard) head);
        item = head.Item;
        if (any)
        {
            _popped = head;
        }

        return any;
    }

    /// <summary>Throws if the next item equals the last one popped: a cursor after one would skip the other.</summary>
    public void RequireNoEqualHead()
    {
        if (rejectEqual && _popped is { } last && _heads.TryPeek(out int shard, out (TItem Item, int Shard) head) && comparer.Compare(last.Item, head.Item) == 0)
        {
            throw new ShardException(shards[shard], $"one of its items compares equal to one of shard '{shards[last.Shard]}'. End the order with a key that is unique over all shards; give the ShardOrder the shard key if rows are being moved.");
        }
    }

    private sealed class HeadOrder(IComparer<TItem> comparer) : IComparer<(TItem Item, int Shard)>
    {
        public int Compare((TItem Item, int Shard) x, (TItem Item, int Shard) y) =>
            comparer.Compare(x.Item, y.Item) is not 0 and var order ? order : x.Shard.CompareTo(y.Shard);
    }
}
