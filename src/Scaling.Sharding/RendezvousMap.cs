using Scaling.Sharding.Internal;

namespace Scaling.Sharding;

/// <summary>Rendezvous hashing, highest random weight (Thaler and Ravishankar, 1998): every shard scores the key, the highest score owns it.</summary>
/// <remarks>
/// Near perfect balance, exact weights (score −w/ln h, after draft-mohanty-bess-weighted-hrw) and the fewest possible moves,
/// with nothing stored. A lookup costs one multiplication chain per shard, so it suits up to a few dozen shards.
/// Immutable and safe for all threads.
/// </remarks>
public sealed class RendezvousMap : IShardMap
{
    private readonly ShardTable _shards;
    private readonly RendezvousScores _scores;

    /// <summary>Builds the map.</summary>
    /// <param name="shards">Names, or <see cref="Shard"/>s with weights and zones, in any order.</param>
    /// <exception cref="ArgumentException">No shard, a name twice, or a weight of 0.</exception>
    public RendezvousMap(IEnumerable<Shard> shards)
    {
        _shards = new ShardTable(shards);
        _scores = new RendezvousScores(_shards);
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Shards => _shards.Names;

    /// <inheritdoc/>
    public string GetShard(ShardKey key) => _shards.Names[_scores.Highest(key.Hash)];

    /// <inheritdoc/>
    public int GetReplicas(ShardKey key, Span<string> destination)
    {
        var replicas = new ReplicaSet(_shards, stackalloc int[Math.Min(destination.Length, _shards.Count)]);
        _scores.Fill(key.Hash, ref replicas);
        return replicas.WriteNames(destination);
    }
}
