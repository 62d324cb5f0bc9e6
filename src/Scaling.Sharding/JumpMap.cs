using Scaling.Sharding.Internal;

namespace Scaling.Sharding;

/// <summary>Jump consistent hash (Lamping and Veach, 2014): perfect balance and the fewest moves, without any memory, for shards that are numbered.</summary>
/// <remarks>
/// The algorithm knows numbers, not names: shards are taken in natural order (pg-9 before pg-10), and only the last one can
/// come or go. <see cref="Add"/> and <see cref="Remove"/> refuse anything else instead of quietly moving nearly every key.
/// Immutable and safe for all threads.
/// </remarks>
public sealed class JumpMap : IShardMap
{
    private readonly ShardTable _shards;

    /// <summary>Builds the map.</summary>
    /// <param name="shards">Names, or <see cref="Shard"/>s with zones, in any order; all of one weight.</param>
    /// <exception cref="ArgumentException">No shard, a name twice, or different weights.</exception>
    public JumpMap(IEnumerable<Shard> shards)
    {
        _shards = new ShardTable(shards, NaturalOrder.Instance);
        _shards.RequireUnweighted(nameof(JumpMap));
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Shards => _shards.Names;

    /// <inheritdoc/>
    public string GetShard(ShardKey key) => _shards.Names[JumpHash.Bucket(key.Hash, _shards.Count)];

    /// <inheritdoc/>
    public int GetReplicas(ShardKey key, Span<string> destination)
    {
        var replicas = new ReplicaSet(_shards, stackalloc int[Math.Min(destination.Length, _shards.Count)]);
        do
        {
            ulong hash = key.Hash;
            for (int tries = 0; tries < 64 * _shards.Count && !replicas.PassIsOver; tries++)
            {
                replicas.Offer(JumpHash.Bucket(hash, _shards.Count));
                hash = Mix.Of(hash + 0x9e3779b97f4a7c15);
            }

            // a copy must never go missing because the salted hashes missed a bucket: take the rest in order
            for (int shard = 0; shard < _shards.Count && !replicas.PassIsOver; shard++)
            {
                replicas.Offer(shard);
            }
        }
        while (replicas.NextPass());
        return replicas.WriteNames(destination);
    }

    /// <summary>The map with one more shard, which takes its share from all the others.</summary>
    /// <param name="shard">A shard whose name comes after all others in natural order.</param>
    /// <returns>The new map; this one is unchanged.</returns>
    /// <exception cref="NotSupportedException">The name does not come last.</exception>
    public JumpMap Add(Shard shard)
    {
        ArgumentNullException.ThrowIfNull(shard);
        string last = _shards.Names[^1];
        return NaturalOrder.Instance.Compare(shard.Name, last) > 0
            ? new JumpMap([.. _shards.Shards, shard])
            : throw new NotSupportedException($"Jump hash can add a shard only after the last one, and '{shard.Name}' does not come after '{last}'. Choose a later name, or use ShardMap.");
    }

    /// <summary>The map without its last shard.</summary>
    /// <param name="name">The name of the last shard.</param>
    /// <returns>The new map; this one is unchanged.</returns>
    /// <exception cref="NotSupportedException"><paramref name="name"/> is not the last shard, or the only one.</exception>
    public JumpMap Remove(string name)
    {
        string last = _shards.Names[^1];
        return name == last && _shards.Count > 1
            ? new JumpMap(_shards.Shards[..^1])
            : throw new NotSupportedException($"Jump hash can remove only the last of several shards, '{last}', not '{name}'. Use ShardMap where any shard may leave.");
    }
}
