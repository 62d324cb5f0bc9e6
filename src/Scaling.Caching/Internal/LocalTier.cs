using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Options;

namespace Scaling.Caching.Internal;

/// <summary>L1: a MemoryCache of its own, bounded in bytes. Eviction is MemoryCache's; whether an entry may be believed is said by <see cref="Generations"/>.</summary>
internal sealed class LocalTier(long sizeLimit, TimeProvider time) : IDisposable
{
    private const int Overhead = 256;       // the entry and its key's bookkeeping, roughly

    private readonly MemoryCache _cache = new(Options.Create(new MemoryCacheOptions { SizeLimit = sizeLimit }));

    public bool TryGet<T>(string key, [NotNullWhen(true)] out LocalEntry<T>? entry)
    {
        entry = _cache.TryGetValue(key, out object? found) ? found as LocalEntry<T> : null;
        return entry is not null;
    }

    public void Set<T>(string key, LocalEntry<T> entry, int payloadLength)
    {
        TimeSpan life = time.GetElapsedTime(entry.Schedule.Stored, entry.Schedule.StaleUntil);
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

    public void Clear() => _cache.Clear();

    public void Dispose() => _cache.Dispose();
}
