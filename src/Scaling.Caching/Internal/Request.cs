using Microsoft.Extensions.Caching.Hybrid;

namespace Scaling.Caching.Internal;

/// <summary>A key with everything a call says about it. Made only when L1 has no answer.</summary>
internal class Target
{
    public Target(string key, IEnumerable<string>? tags, Lifetimes lifetimes, HybridCacheEntryFlags flags)
    {
        Key = key;
        Name = CacheKey.Normalize(key);
        KeySlot = Generations.SlotOfKey(Name);
        Tags = tags is null ? [] : [.. tags.Select(CacheKey.Normalize)];
        if (Tags.Length > byte.MaxValue)
        {
            throw new ArgumentException($"An entry bears at most {byte.MaxValue} tags, got {Tags.Length}; use fewer, coarser tags.", nameof(tags));
        }

        TagSlots = Array.ConvertAll(Tags, Generations.SlotOfTag);
        Lifetimes = lifetimes;
        Flags = flags;
    }

    public string Key { get; }

    /// <summary>The key as L2 and the bus know it.</summary>
    public string Name { get; }

    public int KeySlot { get; }

    public string[] Tags { get; }

    public int[] TagSlots { get; }

    public Lifetimes Lifetimes { get; }

    public HybridCacheEntryFlags Flags { get; }

    public bool Allows(HybridCacheEntryFlags disabling) => (Flags & disabling) == 0;
}

/// <summary>A target and how to load it.</summary>
internal abstract class Request<T>(string key, IEnumerable<string>? tags, Lifetimes lifetimes, HybridCacheEntryFlags flags)
    : Target(key, tags, lifetimes, flags)
{
    public FlightKey FlightKey => new(Name, typeof(T), Flags);

    public abstract ValueTask<T> LoadAsync(CacheLoadContext context, CancellationToken cancellationToken);
}

internal sealed class Request<TState, T>(
    string key,
    TState state,
    Func<TState, CacheLoadContext, CancellationToken, ValueTask<T>> load,
    IEnumerable<string>? tags,
    Lifetimes lifetimes,
    HybridCacheEntryFlags flags = HybridCacheEntryFlags.None) : Request<T>(key, tags, lifetimes, flags)
{
    public override ValueTask<T> LoadAsync(CacheLoadContext context, CancellationToken cancellationToken) => load(state, context, cancellationToken);
}
