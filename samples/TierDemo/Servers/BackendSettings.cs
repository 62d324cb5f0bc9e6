namespace TierDemo.Servers;

/// <summary>Where the tiers find their servers: connection strings, as handed to the worker processes.</summary>
public sealed record BackendSettings
{
    /// <summary>The users database: every write of tiers 1 to 3, and their reads where there is no replica.</summary>
    public required string Primary { get; init; }

    /// <summary>A database that follows the primary; tier 3 reads from it.</summary>
    public string? Replica { get; init; }

    /// <summary>The primary through PgBouncer; tier 3 writes through it.</summary>
    public string? PgBouncer { get; init; }

    /// <summary>Tier 4's shards, pg-0 first.</summary>
    public IReadOnlyList<string> Shards { get; init; } = [];

    /// <summary>Tier 3's Redis.</summary>
    public string? Redis { get; init; }

    /// <summary>Tier 4's Redis Cluster; a single Redis will do.</summary>
    public string? RedisCluster { get; init; }
}
