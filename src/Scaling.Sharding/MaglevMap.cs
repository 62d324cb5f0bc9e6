using Scaling.Sharding.Internal;

namespace Scaling.Sharding;

/// <summary>Google's Maglev table (Eisenbud et al., NSDI 2016): the fastest lookup with near perfect balance, at the price of some needless moves.</summary>
/// <remarks>
/// When a shard comes or goes, up to about half as many keys again as necessary also move between shards that stayed. That
/// costs a cache some misses and a database its data: use it for caches and connections, <see cref="ShardMap"/> for rows.
/// Immutable and safe for all threads.
/// </remarks>
public sealed class MaglevMap : IShardMap
{
    private readonly ShardTable _shards;
    private readonly int[] _table;

    /// <summary>Builds the table.</summary>
    /// <param name="shards">Names, or <see cref="Shard"/>s with weights and zones, in any order.</param>
    /// <param name="tableSize">Entries of 4 bytes, 65,537 by default: a prime, and a hundred times the number of shards for a balance within 1 %.</param>
    /// <exception cref="ArgumentException">No shard, a name twice, a weight of 0, or a size that is no prime or smaller than the number of shards.</exception>
    public MaglevMap(IEnumerable<Shard> shards, int tableSize = 65_537)
    {
        _shards = new ShardTable(shards);
        if (!MaglevTable.IsPrime(tableSize) || tableSize < _shards.Count)
        {
            throw new ArgumentException($"tableSize is {tableSize}; it must be a prime of at least the number of shards ({_shards.Count}), such as 65537 or 655373.", nameof(tableSize));
        }

        var permutations = new (int, int)[_shards.Count];
        for (int shard = 0; shard < permutations.Length; shard++)
        {
            ulong seed = _shards.SeedOf(shard);
            permutations[shard] = ((int)(seed % (ulong)tableSize), tableSize == 2 ? 1 : (int)(Mix.Of(seed) % (ulong)(tableSize - 1)) + 1);
        }

        _table = MaglevTable.Fill(permutations, Array.ConvertAll(_shards.Shards, shard => shard.Weight), tableSize);
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Shards => _shards.Names;

    /// <inheritdoc/>
    public string GetShard(ShardKey key) => _shards.Names[_table[EntryOf(key)]];

    /// <inheritdoc/>
    public int GetReplicas(ShardKey key, Span<string> destination)
    {
        var replicas = new ReplicaSet(_shards, stackalloc int[Math.Min(destination.Length, _shards.Count)]);
        do
        {
            int entry = EntryOf(key);
            for (int step = 0; step < _table.Length && !replicas.PassIsOver; step++)
            {
                replicas.Offer(_table[entry]);
                entry = entry + 1 == _table.Length ? 0 : entry + 1;
            }

            // a very light shard may own no entry at all; it still holds copies
            for (int shard = 0; shard < _shards.Count && !replicas.PassIsOver; shard++)
            {
                replicas.Offer(shard);
            }
        }
        while (replicas.NextPass());
        return replicas.WriteNames(destination);
    }

    // the high half of a 128-bit product is hash · size / 2^64: as even as a modulo, without the division
    private int EntryOf(ShardKey key) => (int)Math.BigMul(key.Hash, (ulong)_table.Length, out _);
}
