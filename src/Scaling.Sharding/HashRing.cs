using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;
using Scaling.Sharding.Internal;

namespace Scaling.Sharding;

/// <summary>Consistent hashing on a ring of virtual nodes (Karger et al., 1997): adding a shard moves keys only to it, removing one moves only its own.</summary>
/// <remarks>
/// A pure function of the names and weights: nothing has to be stored or shared. The price is balance: with v virtual nodes a
/// shard's share strays by about 1/√v, 4 to 5 % at the default. Where data is to be spread evenly, take <see cref="ShardMap"/>.
/// Immutable and safe for all threads; a lookup takes the same time for 3 shards as for 1,000.
/// </remarks>
/// <example><code>
/// IShardMap map = new HashRing(["pg-0", "pg-1", "pg-2"]);
/// string shard = map.GetShard("user:42");
/// </code></example>
public sealed class HashRing : IShardMap
{
    private readonly ShardTable _shards;
    private readonly SortedRing _ring;

    /// <summary>Builds the ring.</summary>
    /// <param name="shards">Names, or <see cref="Shard"/>s with weights and zones, in any order.</param>
    /// <param name="virtualNodes">Points on the ring per unit of weight, 512 by default: 12 bytes each.</param>
    /// <exception cref="ArgumentException">No shard, a name twice, a weight of 0, or more than 16 million points in all.</exception>
    public HashRing(IEnumerable<Shard> shards, int virtualNodes = 512)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(virtualNodes, 1);
        _shards = new ShardTable(shards);
        _ring = new SortedRing(PlacePoints(_shards, virtualNodes));
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Shards => _shards.Names;

    /// <inheritdoc/>
    public string GetShard(ShardKey key) => _shards.Names[_ring.OwnerOf(key.Hash)];

    /// <inheritdoc/>
    public int GetReplicas(ShardKey key, Span<string> destination) => _ring.WalkReplicas(key.Hash, _shards, destination);

    private static (ulong Point, int Owner)[] PlacePoints(ShardTable shards, int virtualNodes)
    {
        long total = shards.Shards.Sum(shard => (long)shard.Weight * virtualNodes);
        if (total > 1 << 24)
        {
            throw new ArgumentException($"Weights × {virtualNodes} virtual nodes make {total:N0} points; divide the weights by a common factor or lower virtualNodes.", nameof(shards));
        }

        var points = new (ulong, int)[total];
        int next = 0;
        for (int owner = 0; owner < shards.Count; owner++)
        {
            // name, 0, number: no name is a prefix of another's label ("pg-1" + "0" is not "pg-10" + "")
            byte[] label = [.. Encoding.UTF8.GetBytes(shards.Names[owner]), 0, 0, 0, 0, 0];
            for (int node = 0; node < shards.Shards[owner].Weight * virtualNodes; node++)
            {
                BinaryPrimitives.WriteInt32LittleEndian(label.AsSpan(label.Length - sizeof(int)), node);
                points[next++] = (XxHash3.HashToUInt64(label), owner);
            }
        }

        return points;
    }
}
