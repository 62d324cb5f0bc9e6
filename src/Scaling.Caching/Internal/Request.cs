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
        Tags = tags is null ? [] : [.. tags.Select(static tag => CacheKey.Normalize(tag ?? throw new ArgumentException("A tag is null.", nameof(tags))))];
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

    /// <summary>True when a value may go to L2.</summary>
    public bool WillWrite => Allows(HybridCacheEntryFlags.DisableDistributedCacheWrite);

    public bool Allows(HybridCacheEntryFlags disabling) => (Flags & disabling) == 0;
}

/// <summary>A target that a value of a type is wanted from.</summary>
internal class Request<T>(string key, IEnumerable<string>? tags, Lifetimes lifetimes, HybridCacheEntryFlags flags)
    : Target(key, tags, lifetimes, flags)
{
    public FlightKey FlightKey => new(Name, typeof(T), Flags);

    /// <summary>True when a loaded value will go to L2, so that a lease is worth taking.</summary>
    public bool WillLoadAndWrite => WillWrite && Allows(HybridCacheEntryFlags.DisableUnderlyingData);

    /// <summary>True when L2 is concerned at all: to be read, or asked for the stamp that makes the write safe.</summary>
    public bool ConcernsRemote => Allows(HybridCacheEntryFlags.DisableDistributedCacheRead) || WillLoadAndWrite;
}

/// <summary>A request that knows how to load its value.</summary>
internal abstract class LoadRequest<T>(string key, IEnumerable<string>? tags, Lifetimes lifetimes, HybridCacheEntryFlags flags)
    : Request<T>(key, tags, lifetimes, flags)
{
    public abstract ValueTask<T> LoadAsync(CacheLoadContext context, CancellationToken cancellationToken);
}

internal sealed class LoadRequest<TState, T>(
    string key,
    TState state,
    Func<TState, CacheLoadContext, CancellationToken, ValueTask<T>> load,
    IEnumerable<string>? tags,
    Lifetimes lifetimes,
    HybridCacheEntryFlags flags) : LoadRequest<T>(key, tags, lifetimes, flags)
{
    public override ValueTask<T> LoadAsync(CacheLoadContext context, CancellationToken cancellationToken) => load(state, context, cancellationToken);
}
