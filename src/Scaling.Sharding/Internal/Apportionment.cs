namespace Scaling.Sharding.Internal;

/// <summary>Divides the slots among weights by Webster's method: each next slot goes where weight / (2 · slots + 1) is greatest.</summary>
/// <remarks>
/// A divisor method is chosen for what it can never do: when a shard joins, no other shard's quota grows, and when one
/// leaves, none shrinks. Largest remainders, the obvious method, has exactly that paradox, and each instance of it would
/// move slots between shards that have nothing to do with the change.
/// </remarks>
internal static class Apportionment
{
    /// <returns>Slots per shard; ties go to the shard that comes first.</returns>
    public static int[] Divide(int slots, ReadOnlySpan<Shard> shards)
    {
        var quotas = new int[shards.Length];
        var queue = new PriorityQueue<int, (double MinusPriority, int Shard)>(shards.Length);
        for (int i = 0; i < shards.Length; i++)
        {
            if (shards[i].Weight > 0)
            {
                queue.Enqueue(i, (-shards[i].Weight, i));
            }
        }

        for (; slots > 0; slots--)
        {
            int shard = queue.Peek();
            quotas[shard]++;
            queue.DequeueEnqueue(shard, (-shards[shard].Weight / ((2.0 * quotas[shard]) + 1), shard));
        }

        return quotas;
    }
}
