namespace Scaling.Sharding.Internal;

/// <summary>Gives every slot an owner so that each shard holds its quota and as few slots as possible change hands.</summary>
internal static class SlotAssignment
{
    /// <param name="previous">The owner of each slot until now as an index into the new table; −1 where there is none.</param>
    /// <param name="shards">The new table.</param>
    /// <returns>The owner of each slot from now on.</returns>
    public static ushort[] Assign(ReadOnlySpan<int> previous, ShardTable shards)
    {
        int[] missing = Apportionment.Divide(previous.Length, shards.Shards);
        RequireSlotForEach(missing, shards, previous.Length);
        var owners = new ushort[previous.Length];
        var free = new List<int>();
        for (int slot = 0; slot < previous.Length; slot++)
        {
            // Each shard keeps its lowest slots up to its quota and lets go of the rest: runs stay long, so plans stay short.
            int owner = previous[slot];
            if (owner >= 0 && missing[owner] > 0)
            {
                missing[owner]--;
                owners[slot] = (ushort)owner;
            }
            else
            {
                free.Add(slot);
            }
        }

        int taker = 0;
        foreach (int slot in free)
        {
            while (missing[taker] == 0)
            {
                taker++;
            }

            missing[taker]--;
            owners[slot] = (ushort)taker;
        }

        return owners;
    }

    private static void RequireSlotForEach(int[] quotas, ShardTable shards, int slots)
    {
        for (int i = 0; i < quotas.Length; i++)
        {
            if (quotas[i] == 0 && shards.Shards[i].Weight > 0)
            {
                throw new ArgumentException($"Shard '{shards.Names[i]}' (weight {shards.Shards[i].Weight}) would own none of the {slots} slots. Raise its weight, or set it to 0 to say so.", nameof(shards));
            }
        }
    }
}
