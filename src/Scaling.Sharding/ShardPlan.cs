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

    /// <summary>The slots that change hands, as disjoint runs (both ends included) in order of the slot: exactly those whose owner differs.</summary>
    public IReadOnlyList<(int First, int Last, string From, string To)> Moves { get; }
}
