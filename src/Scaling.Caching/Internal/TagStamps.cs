using System.Collections.Concurrent;

namespace Scaling.Caching.Internal;

/// <summary>
/// The stamps of tags in L2, remembered by the rule of <see cref="Generations"/>: a remembered stamp is believed only while no invalidation of its tag was
/// heard since before it was read. Stamps are random, not counted: a lost one comes back as another, so the entries that bore it are dropped, never revived.
/// No clock of any node plays a part.
/// </summary>
internal sealed class TagStamps(bool hasBus, Generations generations, Func<bool> isDeaf, TimeProvider time)
{
    private const int Capacity = 10_000;

    private readonly ConcurrentDictionary<string, Remembered> _stamps = new();
    private readonly TimeSpan _maxAge = hasBus ? TimeSpan.FromHours(1) : TimeSpan.FromSeconds(1);
    private readonly int[] _losses = new int[1024];

    /// <summary>A stamp for a tag that has none: odd, so that it is no sign of an invalidation.</summary>
    public static long ForMissing() => Envelope.NewStamp() | 1;

    /// <summary>A stamp for an invalidated tag: even.</summary>
    public static long ForInvalidated() => (Envelope.NewStamp() | 2) & ~1L;

    public static bool IsInvalidation(long stamp) => (stamp & 1) == 0;

    public bool TryGet(string tag, out long stamp)
    {
        bool found = _stamps.TryGetValue(tag, out Remembered known) && known.Ticket == Ticket(tag)
            && time.GetElapsedTime(known.ReadAt) < _maxAge && !isDeaf();
        stamp = known.Stamp;
        return found;
    }

    /// <summary>Taken before the stamp is read from L2, handed over with what was read.</summary>
    public long Ticket(string tag) => generations.OfKey(Generations.SlotOfTag(tag)) + Volatile.Read(ref LossesOf(tag));

    public void Remember(string tag, long stamp, long ticket)
    {
        if (_stamps.Count >= Capacity)
        {
            _stamps.Clear();
        }

        _stamps[tag] = new Remembered(stamp, ticket, time.GetTimestamp());
    }

    /// <summary>L2 has another stamp now. Reads of it that are under way are not remembered either.</summary>
    public void Forget(string tag) => Interlocked.Increment(ref LossesOf(tag));

    private ref int LossesOf(string tag) => ref _losses[Generations.SlotOfTag(tag) & 1023];

    private readonly record struct Remembered(long Stamp, long Ticket, long ReadAt);
}
