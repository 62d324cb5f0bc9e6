using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Internal;
using Microsoft.Extensions.Options;

namespace Scaling.Caching.Internal;

/// <summary>
/// L1: a MemoryCache of its own, bounded in bytes. Eviction is MemoryCache's; whether an entry may be served is said by its <see cref="Schedule"/> and by
/// <see cref="Generations"/>.
/// </summary>
internal sealed class LocalTier : IDisposable
{
    private const int Overhead = 256;       // the entry and its key's bookkeeping, roughly

    private readonly EvictionClock _clock;
    private readonly MemoryCache _cache;

    public LocalTier(long sizeLimit, TimeProvider time)
    {
        _clock = new EvictionClock(time);
        _cache = new MemoryCache(Options.Create(new MemoryCacheOptions { SizeLimit = sizeLimit, Clock = _clock }));
    }

    public bool TryGet<T>(string key, long now, [NotNullWhen(true)] out LocalEntry<T>? entry)
    {
        _clock.Follow(now);
        entry = _cache.TryGetValue(key, out object? found) ? found as LocalEntry<T> : null;
        return entry is not null;
    }

    public void Set<T>(string key, LocalEntry<T> entry, int payloadLength)
    {
        TimeSpan life = _clock.Until(entry.Schedule.StaleUntil);
        if (life <= TimeSpan.Zero)
        {
            return;
        }

        using ICacheEntry slot = _cache.CreateEntry(key);
        slot.Value = entry;
        slot.Size = Overhead + (2L * key.Length) + payloadLength;
        slot.AbsoluteExpirationRelativeToNow = life;
    }

    public void Remove(string key) => _cache.Remove(key);

    public void Dispose() => _cache.Dispose();

    /// <summary>
    /// MemoryCache reads its clock on every access, which costs as much as the look-up itself, and needs it for eviction only. So it gets one that lags up to
    /// a second behind ours, follows the same TimeProvider, and is read for free.
    /// </summary>
    private sealed class EvictionClock(TimeProvider time) : ISystemClock
    {
        private readonly long _second = time.TimestampFrequency;
        private readonly long _start = time.GetTimestamp();
        private Reading _reading = new(time.GetTimestamp(), DateTimeOffset.UnixEpoch);

        public DateTimeOffset UtcNow => Volatile.Read(ref _reading).Utc;

        public void Follow(long now)
        {
            if (now - Volatile.Read(ref _reading).Taken > _second)
            {
                Read(now);
            }
        }

        /// <summary>How long until then, on a clock that is exact for once: a lifetime that starts late would end early.</summary>
        public TimeSpan Until(long timestamp)
        {
            long now = time.GetTimestamp();
            Read(now);
            return time.GetElapsedTime(now, timestamp);
        }

        private void Read(long now) => Volatile.Write(ref _reading, new Reading(now, DateTimeOffset.UnixEpoch + time.GetElapsedTime(_start, now)));

        private sealed record Reading(long Taken, DateTimeOffset Utc);
    }
}
