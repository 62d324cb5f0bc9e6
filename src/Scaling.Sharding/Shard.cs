namespace Scaling.Sharding;

/// <summary>A shard as the maps know it: a name, a share, and where it stands.</summary>
public sealed class Shard
{
    /// <summary>Describes a shard.</summary>
    /// <param name="name">Its identity, for ever: keep addresses out of it.</param>
    /// <param name="weight">Its share of the keys against the others' weights, 1 by default. <see cref="ShardMap"/> alone also takes 0: a shard that is to own nothing.</param>
    /// <param name="zone">Where it stands (rack, data centre), so that copies can be spread; null for a zone of its own.</param>
    /// <exception cref="ArgumentException"><paramref name="name"/> is empty, or <paramref name="weight"/> is negative or above 1,000,000.</exception>
    public Shard(string name, int weight = 1, string? zone = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentOutOfRangeException.ThrowIfNegative(weight);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(weight, 1_000_000);
        (Name, Weight, Zone) = (name, weight, zone);
    }

    /// <summary>The identity of the shard.</summary>
    public string Name { get; }

    /// <summary>The share of the shard against the others' weights.</summary>
    public int Weight { get; }

    /// <summary>Where the shard stands, or null.</summary>
    public string? Zone { get; }

    /// <summary>A shard of weight 1 without a zone.</summary>
    /// <param name="name">The identity of the shard.</param>
    public static implicit operator Shard(string name) => new(name);
}
