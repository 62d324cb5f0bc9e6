using System.Runtime.InteropServices;
using System.IO.Hashing;

namespace Scaling.Caching.Internal;

/// <summary>
/// Says whether anything that was read earlier may still be believed. A name (key or tag) owns a counter; invalidating it counts up. Whoever wants to
/// keep something captures the counters <em>before</em> reading it and believes it only while they stand unchanged:
/// <code>
/// 1. reader  captures generation g of K
/// 2. reader  reads old K (from L2 or the source)        A. node invalidates K, here or elsewhere
/// 3. reader  stores old K with g                        B. K's counter becomes g+1, before the invalidation is acknowledged
/// 4. anyone  looks K up: g ≠ g+1, so old K is never served, whichever way 1–3 and A–B interleave
/// </code>
/// Names share 65,536 counters by hash: memory is bounded, and a collision costs a needless reload, never a wrong value.
/// </summary>
internal sealed class Generations
{
    private const int Count = 1 << 16;
    private readonly int[] _counters = new int[Count];
    private int _everything;
    private int _doubts;

    public static int SlotOfKey(string key) => Slot(key, seed: 0);

    public static int SlotOfTag(string tag) => Slot(tag, seed: 1);

    /// <summary>The counters of a key and its tags as one number: each only grows, so the sum is unchanged exactly when all of them are.</summary>
    public long Current(int keySlot, int[] tagSlots) => OfKey(keySlot) + OfTags(tagSlots);

    /// <summary>The doubts are counted in the upper half.</summary>
    public long OfKey(int slot) => ((long)Volatile.Read(ref _doubts) << 32) + (uint)Volatile.Read(ref _everything) + (uint)Volatile.Read(ref _counters[slot]);

    public long OfTags(int[] slots)
    {
        long sum = 0;
        foreach (int slot in slots)
        {
            sum += (uint)Volatile.Read(ref _counters[slot]);
        }

        return sum;
    }

    private void Invalidate(int slot) => Interlocked.Increment(ref _counters[slot]);

    public void Invalidate(Debt debt)
    {
        if (debt.Kind == DebtKind.Key)
        {
            Invalidate(SlotOfKey(debt.Name));
        }
        else if (TagNames.IsAll(debt.Name))
        {
            Interlocked.Increment(ref _everything);
        }
        else
        {
            Invalidate(SlotOfTag(debt.Name));
        }
    }

    /// <summary>
    /// An invalidation of anything may have been missed. Nothing read before is believed any more, but nothing is known against it either: as long as L2
    /// says nothing else, it may stand in for a load that fails (<see cref="IsOnlyDoubted"/>).
    /// </summary>
    public void Doubt() => Interlocked.Increment(ref _doubts);

    /// <summary>True when the names of this generation were not invalidated since, as far as this node has heard, but it may have missed something.</summary>
    public static bool IsOnlyDoubted(long generation, long current) => generation != current && (uint)generation == (uint)current;

    private static int Slot(string name, long seed) => (int)(XxHash3.HashToUInt64(MemoryMarshal.AsBytes(name.AsSpan()), seed) & (Count - 1));
}
