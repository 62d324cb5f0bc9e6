using System.Globalization;

namespace Scaling.Sharding.Tests;

/// <summary>Every kind of map, so that a law is written once and holds for all.</summary>
internal static class AllMaps
{
    public static readonly (string Kind, Func<IEnumerable<Shard>, IShardMap> Create)[] Kinds =
    [
        ("ShardMap", shards => new ShardMap(shards)),
        ("HashRing", shards => new HashRing(shards)),
        ("RendezvousMap", shards => new RendezvousMap(shards)),
        ("JumpMap", shards => new JumpMap(shards)),
        ("MaglevMap", shards => new MaglevMap(shards)),
    ];

    public static IEnumerable<IShardMap> Of(IReadOnlyCollection<Shard> shards) =>
        Kinds.Where(kind => kind.Kind != "JumpMap" || shards.All(shard => shard.Weight == shards.First().Weight)).Select(kind => kind.Create(shards));

    /// <summary>Shards node-0, node-1 … with weights 1 to 4 and up to three zones, as a seed decides.</summary>
    public static Shard[] Shards(int count, int seed, bool weighted = true)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(i => new Shard(
            string.Create(CultureInfo.InvariantCulture, $"node-{i}"),
            weighted ? random.Next(1, 5) : 1,
            random.Next(4) is var zone && zone == 3 ? null : $"zone-{zone}"))];
    }

    public static IEnumerable<ShardKey> Keys(int count, int seed)
    {
        var random = new Random(seed);
        for (int i = 0; i < count; i++)
        {
            yield return (i % 3) switch
            {
                0 => random.NextInt64(),
                1 => $"user:{random.Next()}",
                _ => new ShardKey((ulong)random.NextInt64(long.MinValue, long.MaxValue)),
            };
        }
    }
}
