using System.Numerics;

namespace Scaling.Sharding.Internal;

/// <summary>Points on a circle of 64-bit hashes, each owned by a shard; a key belongs to the first point at or after it.</summary>
/// <remarks>
/// The top bits of a hash lead straight to the points that share them, so a lookup reads one or two neighbouring points
/// whatever their number, where a binary search reads log n scattered ones.
/// </remarks>
internal sealed class SortedRing
{
    private readonly ulong[] _points;
    private readonly int[] _owners;
    private readonly int[] _starts;
    private readonly int _shift;

    /// <summary>Takes points in any order; where two coincide, the one whose owner comes first in the table wins, never the one that came last.</summary>
    public SortedRing((ulong Point, int Owner)[] points)
    {
        Array.Sort(points);
        _points = Array.ConvertAll(points, point => point.Point);
        _owners = Array.ConvertAll(points, point => point.Owner);
        int bits = Math.Max(1, BitOperations.Log2((uint)points.Length));
        _shift = 64 - bits;
        _starts = new int[1 << bits];
        int next = 0;
        for (int prefix = 0; prefix < _starts.Length; prefix++)
        {
            while (next < _points.Length && _points[next] >> _shift < (ulong)prefix)
            {
                next++;
            }

            _starts[prefix] = next;
        }
    }

    public int Count => _points.Length;

    public ReadOnlySpan<ulong> Points => _points;

    /// <summary>The index of the first point at or after <paramref name="hash"/>, around the circle.</summary>
    public int IndexOf(ulong hash)
    {
        ulong[] points = _points;
        int index = _starts[(int)(hash >> _shift)];
        while ((uint)index < (uint)points.Length && points[index] < hash)
        {
            index++;
        }

        return index == points.Length ? 0 : index;
    }

    public int OwnerAt(int index) => _owners[index];

    public int OwnerOf(ulong hash) => _owners[IndexOf(hash)];

    public int WalkReplicas(ulong hash, ShardTable shards, Span<string> destination)
    {
        var replicas = new ReplicaSet(shards, stackalloc int[Math.Min(destination.Length, shards.Count)]);
        do
        {
            int index = IndexOf(hash);
            for (int step = 0; step < _points.Length && !replicas.PassIsOver; step++)
            {
                replicas.Offer(_owners[index]);
                index = index + 1 == _points.Length ? 0 : index + 1;
            }
        }
        while (replicas.NextPass());
        return replicas.WriteNames(destination);
    }
}
