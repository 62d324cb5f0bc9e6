using Npgsql;
using Scaling.Sharding;

namespace TierDemo.Users;

/// <summary>
/// Tier 4's shards as a worker sees them. Which shard a user is on (the shard key is the id), the shards' own databases say; where a shard
/// is, the directory says. So a shard that is added while the worker serves needs no restart and no message.
/// </summary>
internal sealed class UserShards : IAsyncDisposable
{
    /// <summary>The table that is spread over the shards.</summary>
    public const string Table = "users";

    private readonly ShardDirectory _directory;
    private volatile IReadOnlyDictionary<string, string> _addresses;

    private UserShards(ShardDirectory directory, IReadOnlyDictionary<string, string> addresses, ShardMap map, Func<string, NpgsqlDataSource> connect)
    {
        (_directory, _addresses) = (directory, addresses);
        Set = new ShardSet<UserShard>(map, name => new UserShard(connect(_addresses[name]), SlotOf), new ShardSetOptions { LoadMap = LoadMapAsync });
    }

    public ShardSet<UserShard> Set { get; }

    public static string Name(int index) => $"pg-{index}";

    /// <summary>The database of a shard on a server of TierDemo's choice.</summary>
    public static string Database(int index) => $"tierdemo_shard_{index}";

    /// <summary>The map that seeding begins with.</summary>
    public static ShardMap FirstMap(int count) => new(Enumerable.Range(0, count).Select(index => new Shard(Name(index))));

    /// <summary>Asks the directory for the shards, and the shards for the map in force.</summary>
    public static async Task<UserShards> OpenAsync(ShardDirectory directory, Func<string, NpgsqlDataSource> connect, CancellationToken cancellationToken)
    {
        IReadOnlyDictionary<string, string> addresses = await directory.ReadAsync(cancellationToken);
        NpgsqlDataSource[] sources = [.. addresses.Values.Select(NpgsqlDataSource.Create)];
        try
        {
            return new UserShards(directory, addresses, await ShardFence.LoadMapAsync(sources, cancellationToken), connect);
        }
        finally
        {
            foreach (NpgsqlDataSource source in sources)
            {
                await source.DisposeAsync();
            }
        }
    }

    /// <summary>The slot of a user: the same under every version of the map.</summary>
    public int SlotOf(long id) => ((ShardMap)Set.Map).GetSlot(id);

    public ValueTask DisposeAsync() => Set.DisposeAsync();

    // Called by the set every second or so, and when a shard has refused a write.
    private async Task<IShardMap> LoadMapAsync(CancellationToken cancellationToken)
    {
        ShardMap map = await ShardFence.LoadMapAsync(Set.Map.Shards.Select(name => Set.GetResource(name).Source), cancellationToken);
        if (!map.Shards.All(_addresses.ContainsKey))
        {
            _addresses = await _directory.ReadAsync(cancellationToken);
        }

        return map;
    }
}
