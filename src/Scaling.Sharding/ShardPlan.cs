using Scaling.Sharding.Internal;

namespace Scaling.Sharding;

/// <summary>What has to move to get from one <see cref="ShardMap"/> to another. Made by <see cref="ShardMap.Diff"/>.</summary>
public sealed class ShardPlan
{
    internal ShardPlan(ShardMap from, ShardMap to)
    {
        (From, To) = (from, to);
        Moves = [.. SlotDiff.Between(from, to)];
    }

    /// <summary>The map in force.</summary>
    public ShardMap From { get; }

    /// <summary>The map wanted.</summary>
    public ShardMap To { get; }

    /// <summary>The slots that change hands, as disjoint runs in order of the slot: exactly those whose owner differs.</summary>
    public IReadOnlyList<SlotMove> Moves { get; }
}

/// <summary>A run of slots that goes from one shard to another.</summary>
public readonly struct SlotMove
{
    internal SlotMove(int firstSlot, int lastSlot, string from, string to) =>
        (FirstSlot, LastSlot, From, To) = (firstSlot, lastSlot, from, to);

    /// <summary>The first slot of the run.</summary>
    public int FirstSlot { get; }

    /// <summary>The last slot of the run, itself included.</summary>
    public int LastSlot { get; }

    /// <summary>The shard that owns the slots now.</summary>
    public string From { get; }

    /// <summary>The shard that is to own them.</summary>
    public string To { get; }
}
