using System.Globalization;
using Scaling.Sharding.Internal;

namespace Scaling.Sharding;

/// <summary>The ring of libketama (last.fm, 2007), point for point: for sharing memcached or other servers with clients in other languages.</summary>
/// <remarks>
/// <para>Routes by the MD5 of the key's text, so it takes keys made from a <see cref="string"/> only and refuses others; for a
/// number pass the text that the other clients use. A shard's name is libketama's server name, "10.0.1.1:11211".</para>
/// <para>Weights work as there: a server gets a part of 160 points per server that is rounded down, so a change of one weight moves
/// keys between all of them, and a very light server may get no key; that is refused. For anything new take <see cref="ShardMap"/>.
/// Immutable and safe for all threads; a lookup computes one MD5, and allocates only for keys beyond 170 characters.</para>
/// </remarks>
public sealed class KetamaRing : IShardMap
{
    private const int PointsPerDigest = 4;
    private const int DigestsPerServer = 40;

    private readonly ShardTable _shards;
    private readonly SortedRing _ring;

    /// <summary>Builds the ring.</summary>
    /// <param name="shards">Server names, or <see cref="Shard"/>s with weights (libketama calls them memory), in any order.</param>
    /// <exception cref="ArgumentException">No shard, a name twice, a weight of 0, or one so small that libketama would give the server no point.</exception>
    public KetamaRing(IEnumerable<Shard> shards)
    {
        _shards = new ShardTable(shards);
        _ring = new SortedRing(PlacePoints(_shards));
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Shards => _shards.Names;

    /// <summary>How many points the ring has.</summary>
    internal int PointCount => _ring.Count;

    /// <inheritdoc/>
    /// <exception cref="NotSupportedException">The key was not made from a string.</exception>
    public string GetShard(ShardKey key) => _shards.Names[_ring.OwnerOf(PositionOf(key))];

    /// <inheritdoc/>
    /// <exception cref="NotSupportedException">The key was not made from a string.</exception>
    public int GetReplicas(ShardKey key, Span<string> destination) => _ring.WalkReplicas(PositionOf(key), _shards, destination);

    /// <summary>The point that a text belongs to, with its server: what libketama's test program prints.</summary>
    internal (uint Point, string Shard) PointOf(string text)
    {
        int index = _ring.IndexOf(Widen(Md5Hash.OfKey(text)));
        return ((uint)(_ring.Points[index] >> 32), _shards.Names[_ring.OwnerAt(index)]);
    }

    private static ulong PositionOf(ShardKey key) => Widen(Md5Hash.OfKey(key.Text
        ?? throw new NotSupportedException("libketama hashes the text of a key, and this key was not made from a string. For a number pass its text, as the other clients do.")));

    // the ring is built for 64 bits: the 32 of libketama are its upper half, which keeps their order
    private static ulong Widen(uint position) => (ulong)position << 32;

    private static (ulong Point, int Owner)[] PlacePoints(ShardTable shards)
    {
        float total = shards.Shards.Sum(shard => (long)shard.Weight);
        var points = new List<(ulong, int)>();
        Span<uint> four = stackalloc uint[PointsPerDigest];
        for (int owner = 0; owner < shards.Count; owner++)
        {
            // in single precision and rounded down, as in ketama.c: one digest more or less would be another ring
            float part = shards.Shards[owner].Weight / total;
            int digests = (int)MathF.Floor(part * DigestsPerServer * shards.Count);
            if (digests == 0)
            {
                throw new ArgumentException($"libketama would give '{shards.Names[owner]}' (weight {shards.Shards[owner].Weight}) no point, and it would get no key. Raise its weight.", nameof(shards));
            }

            for (int digest = 0; digest < digests; digest++)
            {
                Md5Hash.OfPoint(string.Create(CultureInfo.InvariantCulture, $"{shards.Names[owner]}-{digest}"), four);
                foreach (uint point in four)
                {
                    points.Add((Widen(point), owner));
                }
            }
        }

        return [.. points];
    }
}
