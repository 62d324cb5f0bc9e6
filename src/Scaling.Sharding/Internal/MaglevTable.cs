namespace Scaling.Sharding.Internal;

/// <summary>Fills the lookup table of Maglev (Eisenbud et al., NSDI 2016, §3.4): shards in turn take the next free entry of their own permutation.</summary>
internal static class MaglevTable
{
    /// <param name="permutations">Offset and skip per shard: its permutation of the table is offset + i · skip mod size.</param>
    /// <param name="turns">How often each shard takes an entry, relative to the others.</param>
    /// <param name="size">A prime.</param>
    public static int[] Fill(ReadOnlySpan<(int Offset, int Skip)> permutations, ReadOnlySpan<int> turns, int size)
    {
        var table = new int[size];
        Array.Fill(table, -1);
        var next = new long[permutations.Length];
        var credit = new long[permutations.Length];
        int most = 0;
        foreach (int turn in turns)
        {
            most = Math.Max(most, turn);
        }

        for (int shard = 0, filled = 0; filled < size; shard = (shard + 1) % permutations.Length)
        {
            // Weights: the heaviest shard takes an entry in every round, the others in as large a part of the rounds as their weight.
            credit[shard] += turns[shard];
            if (credit[shard] < most)
            {
                continue;
            }

            credit[shard] -= most;
            (long offset, long skip) = permutations[shard];
            int entry = (int)((offset + (next[shard]++ * skip)) % size);
            while (table[entry] >= 0)
            {
                entry = (int)((offset + (next[shard]++ * skip)) % size);
            }

            table[entry] = shard;
            filled++;
        }

        return table;
    }

    public static bool IsPrime(int value)
    {
        for (int divisor = 2; divisor <= value / divisor; divisor++)
        {
            if (value % divisor == 0)
            {
                return false;
            }
        }

        return value > 1;
    }
}
