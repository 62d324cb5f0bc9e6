using System.Collections.Concurrent;

namespace Scaling.Caching.Internal;

/// <summary>
/// The stamps of tags in L2, remembered by the rule of <see cref="Generations"/>: a remembered stamp is believed only while no invalidation of its tag was
/// heard since before it was read. Stamps are random, not counted: a lost one comes back as another, so the entries that bore it are dropped, never revived.
/// </summary>
internal sealed class TagStamps(IStore store, Generations generations, Func<bool> isDeaf, TimeProvider time)
{
    private const int Capacity = 10_000;

    private readonly ConcurrentDictionary<string, Remembered> _stamps = new();
    private readonly TimeSpan _maxAge = store.HasBus ? TimeSpan.FromHours(1) : TimeSpan.FromSeconds(1);

    public ValueTask<long> GetAsync(string tag)
    {
        long generation = generations.OfKey(Generations.SlotOfTag(tag));
        return _stamps.TryGetValue(tag, out Remembered known) && known.Generation == generation && time.GetElapsedTime(known.ReadAt) < _maxAge && !isDeaf()
            ? new(known.Stamp)
            : ReadAsync(tag, generation);
    }

    private async ValueTask<long> ReadAsync(string tag, long generation)
    {
        long readAt = time.GetTimestamp();
        long stamp = await store.TagStampAsync(tag, Envelope.NewStamp()).ConfigureAwait(false);
        if (_stamps.Count >= Capacity)
        {
            _stamps.Clear();
        }

        _stamps[tag] = new Remembered(stamp, generation, readAt);
        return stamp;
    }

    private readonly record struct Remembered(long Stamp, long Generation, long ReadAt);
}
