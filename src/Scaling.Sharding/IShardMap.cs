namespace Scaling.Sharding;

/// <summary>Says which shard a key lives on. Immutable: a change makes a new map, so a route never changes under a reader.</summary>
/// <remarks>
/// A shard is known by its name alone. Its address, the order in which shards were listed and its health never change a route.
/// Implementations are safe for any number of threads, and neither allocate nor lock per route.
/// </remarks>
public interface IShardMap
{
    /// <summary>The names of all shards, each once, in the map's own fixed order.</summary>
    IReadOnlyList<string> Shards { get; }

    /// <summary>Which of two maps is newer; 0, the default, for a map that has no history.</summary>
    long Version => 0;

    /// <summary>The shard that owns <paramref name="key"/>.</summary>
    /// <param name="key">A string, long, Guid or bytes: each converts by itself.</param>
    /// <returns>A name out of <see cref="Shards"/>.</returns>
    string GetShard(ShardKey key);

    /// <summary>Fills <paramref name="destination"/> with distinct shards for <paramref name="key"/>: its owner first, then the places for its copies.</summary>
    /// <remarks>Copies are spread over as many zones as the shards name; a shard without a zone counts as a zone of its own.</remarks>
    /// <param name="key">A string, long, Guid or bytes.</param>
    /// <param name="destination">As long as the number of copies wanted.</param>
    /// <returns>How many were written: fewer than asked for only when there are fewer shards.</returns>
    int GetReplicas(ShardKey key, Span<string> destination);
}
