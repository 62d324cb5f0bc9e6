namespace Scaling.Sharding.Internal;

/// <summary>Compares the owners of two maps slot by slot.</summary>
internal static class SlotDiff
{
    public static IEnumerable<(int First, int Last, string From, string To)> Between(ShardMap from, ShardMap to)
    {
        (int First, int Last, string From, string To)? run = null;
        foreach ((int slot, string source, string target) in Moved(from, to))
        {
            if (run is { } open && open.Last == slot - 1 && open.From == source && open.To == target)
            {
                run = open with { Last = slot };
                continue;
            }

            if (run is { } closed)
            {
                yield return closed;
            }

            run = (slot, slot, source, target);
        }

        if (run is { } last)
        {
            yield return last;
        }
    }

    private static IEnumerable<(int Slot, string From, string To)> Moved(ShardMap from, ShardMap to)
    {
        for (int slot = 0; slot < from.SlotCount; slot++)
        {
            string source = from.NameOf(from.BaseOwners[slot]);
            string target = to.NameOf(to.BaseOwners[slot]);
            if (source != target)
            {
                yield return (slot, source, target);
            }
        }

        // A key that is pinned on either side is routed by its own slot there: its number is the newer map's, if that pins it.
        var pinned = to.Pins.Concat(from.Pins.ExceptBy(to.Pins.Select(pin => pin.Hash), pin => pin.Hash));
        foreach (Pin pin in pinned.OrderBy(pin => pin.Slot))
        {
            var key = new ShardKey(pin.Hash);
            if (from.GetShard(key) is var source && to.GetShard(key) is var target && source != target)
            {
                yield return (pin.Slot, source, target);
            }
        }
    }
}
