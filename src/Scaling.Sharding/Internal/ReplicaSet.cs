namespace Scaling.Sharding.Internal;

/// <summary>Collects the shards for one key's copies: distinct always, in distinct zones as long as there is an unused zone.</summary>
/// <remarks>
/// A map offers its candidates in its own order, from the start again whenever <see cref="NextPass"/> says so: the first
/// pass takes one shard per zone, the second fills up with what is left.
/// </remarks>
internal ref struct ReplicaSet
{
    private readonly ShardTable _shards;
    private readonly Span<int> _taken;
    private bool _anyZone;

    public ReplicaSet(ShardTable shards, Span<int> buffer)
    {
        _shards = shards;
        _taken = buffer[..Math.Min(buffer.Length, shards.Count)];
    }

    public int Count { get; private set; }

    public readonly bool IsFull => Count == _taken.Length;

    public readonly bool PassIsOver => IsFull || (!_anyZone && Count == _shards.ZoneCount);

    public readonly bool Accepts(int shard)
    {
        foreach (int other in _taken[..Count])
        {
            if (other == shard || (!_anyZone && _shards.ZoneOf(other) == _shards.ZoneOf(shard)))
            {
                return false;
            }
        }

        return true;
    }

    public void Offer(int shard)
    {
        if (Accepts(shard))
        {
            _taken[Count++] = shard;
        }
    }

    /// <summary>True once, when the zones are used up and places are left: walk the candidates again.</summary>
    public bool NextPass()
    {
        bool again = !_anyZone && !IsFull;
        _anyZone = true;
        return again;
    }

    public readonly int WriteNames(Span<string> destination)
    {
        for (int i = 0; i < Count; i++)
        {
            destination[i] = _shards.Names[_taken[i]];
        }

        return Count;
    }
}
