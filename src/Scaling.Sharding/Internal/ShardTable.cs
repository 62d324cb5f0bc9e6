using System.IO.Hashing;
using System.Text;

namespace Scaling.Sharding.Internal;

/// <summary>The shards of a map in canonical order: whatever order they were listed in, every map starts from the same table.</summary>
internal sealed class ShardTable
{
    private readonly int[] _zones;

    public ShardTable(IEnumerable<Shard> shards, IComparer<string>? order = null, int minWeight = 1)
    {
        ArgumentNullException.ThrowIfNull(shards);
        Shards = [.. shards.OrderBy(shard => shard.Name, order ?? StringComparer.Ordinal)];
        Names = [.. Shards.Select(shard => shard.Name)];
        if (Shards.Length == 0)
        {
            throw new ArgumentException("A map needs at least one shard.", nameof(shards));
        }

        string? twice = Names.GroupBy(name => name, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1)?.Key;
        if (twice is not null)
        {
            throw new ArgumentException($"Shard '{twice}' is listed twice; a name is the identity of one shard.", nameof(shards));
        }

        if (Array.Find(Shards, shard => shard.Weight < minWeight) is { } light)
        {
            throw new ArgumentException($"Shard '{light.Name}' has weight {light.Weight}; this map needs at least {minWeight}. Leave a shard out to give it nothing.", nameof(shards));
        }

        (_zones, ZoneCount) = NumberZones(Shards);
    }

    public Shard[] Shards { get; }

    public string[] Names { get; }

    public int Count => Shards.Length;

    public int ZoneCount { get; }

    public bool WeightsAreEqual => Array.TrueForAll(Shards, shard => shard.Weight == Shards[0].Weight);

    public int ZoneOf(int shard) => _zones[shard];

    /// <summary>A stable 64-bit identity of a shard, from its name alone.</summary>
    public ulong SeedOf(int shard) => XxHash3.HashToUInt64(Encoding.UTF8.GetBytes(Names[shard]));

    public void RequireUnweighted(string map)
    {
        if (!WeightsAreEqual)
        {
            throw new ArgumentException($"{map} gives every shard the same share; use ShardMap or RendezvousMap for weights.");
        }
    }

    private static (int[] Zones, int Count) NumberZones(Shard[] shards)
    {
        var numbers = new Dictionary<string, int>(StringComparer.Ordinal);
        var zones = new int[shards.Length];
        int count = 0;
        for (int i = 0; i < shards.Length; i++)
        {
            if (shards[i].Zone is not { } zone)
            {
                zones[i] = count++;
            }
            else if (!numbers.TryGetValue(zone, out zones[i]))
            {
                numbers[zone] = zones[i] = count++;
            }
        }

        return (zones, count);
    }
}
