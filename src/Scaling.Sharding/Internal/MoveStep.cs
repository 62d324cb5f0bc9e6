namespace Scaling.Sharding.Internal;

/// <summary>The part of a plan between two shards: these slots, and the map that is in force once they have moved.</summary>
internal sealed record MoveStep(string From, string To, IReadOnlyList<(int First, int Last)> Ranges, ShardMap Map, ShardPlan Plan)
{
    /// <summary>Equal for the same step of the same plan, whichever process carries it on.</summary>
    public string Id => $"{From} > {To} v{Map.Version} {Map.Fingerprint:x16}";

    public string Multirange => SlotRanges.ToMultirange(Ranges);

    /// <summary>The slots in pieces of at most <paramref name="size"/>, each within one range.</summary>
    public IEnumerable<(int First, int Last)> Pieces(int size) =>
        from range in Ranges
        from first in Enumerable.Range(0, (range.Last - range.First + size) / size).Select(piece => range.First + (piece * size))
        select (first, Math.Min(range.Last, first + size - 1));
}
