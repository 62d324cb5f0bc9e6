using System.CommandLine;

namespace TierDemo.Servers;

/// <summary>The command-line options that name existing servers; what is not named is started privately.</summary>
public sealed record BackendOptions
{
    public static Option<string?> PostgresOption { get; } = new("--postgres")
    {
        Description = "Connection string of an existing Postgres (or ConnectionStrings__Postgres). Not given: a private one is started.",
    };

    private static readonly Option<string?> ReplicaOption = new("--replica")
    {
        Description = "Connection string of its streaming replica, for tier 3's reads. Not given with --postgres: reads go to the primary.",
    };

    private static readonly Option<string?> PgBouncerOption = new("--pgbouncer")
    {
        Description = "Connection string of the same database through PgBouncer. Not given with --postgres: tier 3 connects directly.",
    };

    private static readonly Option<string[]> ShardOption = new("--shard")
    {
        Description = "Connection string of one shard of tier 4; repeat it. Not given with --postgres: databases tierdemo_shard_0..2 are made there.",
    };

    private static readonly Option<string?> RedisOption = new("--redis")
    {
        Description = "Address of an existing Redis (or ConnectionStrings__Redis). Not given: a private one is started.",
    };

    private static readonly Option<string?> RedisClusterOption = new("--redis-cluster")
    {
        Description = "Addresses of an existing Redis Cluster, for tier 4. Not given with --redis: tier 4 uses that Redis.",
    };

    private static readonly Option<string?> RedisStopOption = new("--redis-stop")
    {
        Description = "Shell command that kills an existing Redis, so that climb can show the outage.",
    };

    private static readonly Option<string?> RedisStartOption = new("--redis-start")
    {
        Description = "Shell command that starts it again.",
    };

    public static IReadOnlyList<Option> All { get; } =
        [PostgresOption, ReplicaOption, PgBouncerOption, ShardOption, RedisOption, RedisClusterOption, RedisStopOption, RedisStartOption];

    public string? Postgres { get; init; }

    public string? Replica { get; init; }

    public string? PgBouncer { get; init; }

    public IReadOnlyList<string> Shards { get; init; } = [];

    public string? Redis { get; init; }

    public string? RedisCluster { get; init; }

    public string? RedisStop { get; init; }

    public string? RedisStart { get; init; }

    public static BackendOptions From(ParseResult result) => new()
    {
        Postgres = result.GetValue(PostgresOption) ?? Environment.GetEnvironmentVariable("ConnectionStrings__Postgres"),
        Replica = result.GetValue(ReplicaOption),
        PgBouncer = result.GetValue(PgBouncerOption),
        Shards = result.GetValue(ShardOption) ?? [],
        Redis = result.GetValue(RedisOption) ?? Environment.GetEnvironmentVariable("ConnectionStrings__Redis"),
        RedisCluster = result.GetValue(RedisClusterOption),
        RedisStop = result.GetValue(RedisStopOption),
        RedisStart = result.GetValue(RedisStartOption),
    };
}
