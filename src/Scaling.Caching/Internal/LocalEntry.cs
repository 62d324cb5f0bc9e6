using System.Buffers;
using Microsoft.Extensions.Caching.Hybrid;

namespace Scaling.Caching.Internal;

/// <summary>When an entry was made and how long it may be served, in timestamps of this node's own monotonic clock.</summary>
internal readonly record struct Schedule(long Created, long Stored, long LocalUntil, long RefreshFrom, long FreshUntil, long StaleUntil, long LoadTime);

/// <summary>A value in this node's memory. A type that can change is kept as bytes and copied out, so that no caller sees another's edits.</summary>
internal sealed class LocalEntry<T>(
    T value, ReadOnlyMemory<byte> payload, IHybridCacheSerializer<T>? copier, in Schedule schedule, int keySlot, int[] tagSlots, long generation, long stamp)
{
    public readonly Schedule Schedule = schedule;
    public readonly int KeySlot = keySlot;
    public readonly int[] TagSlots = tagSlots;
    public readonly long Generation = generation;

    /// <summary>The stamp in L2 of the state this was read from or written as.</summary>
    public readonly long Stamp = stamp;

    /// <summary>False when the serializer cannot read what it wrote: as good as no entry.</summary>
    public bool TryGetValue(out T result)
    {
        if (copier is null)
        {
            result = value;
            return true;
        }

        return TryCopy(copier, out result);
    }

    /// <param name="given">The value or a copy of it.</param>
    /// <param name="status">Where it came from.</param>
    /// <param name="now">The timestamp as of which age and remaining life are told.</param>
    /// <param name="ticks">How many ticks of a TimeSpan a timestamp lasts.</param>
    /// <param name="collapsed">Whether the caller shared it.</param>
    public CacheResult<T> ToResult(T given, CacheStatus status, long now, double ticks, bool collapsed = false) => new(
        given,
        status,
        new TimeSpan((long)((now - Schedule.Created) * ticks)),
        IsKept ? new TimeSpan((long)((Schedule.FreshUntil - now) * ticks)) : TimeSpan.Zero,
        collapsed);

    private bool IsKept => Schedule.FreshUntil != Schedule.Created;

    private bool TryCopy(IHybridCacheSerializer<T> from, out T result)
    {
        try
        {
            result = from.Deserialize(new ReadOnlySequence<byte>(payload));
            return true;
        }
        catch (Exception)
        {
            result = default!;
            return false;
        }
    }
}
