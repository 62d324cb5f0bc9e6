using Npgsql;

namespace Scaling.Sharding.Tests;

/// <summary>Real databases, one per shard, with a fenced users table each, and the application's SQL against it.</summary>
internal sealed class ShardedUsers : IAsyncDisposable
{
    public static readonly string[] Tables = ["users", "notes"];

    private readonly Dictionary<string, string> _connectionStrings = [];
    private readonly Dictionary<string, NpgsqlDataSource> _sources = [];

    public required ShardMap Map { get; init; }

    public static async Task<ShardedUsers> CreateAsync(PostgresServer server, ShardMap map, params string[] spare)
    {
        var users = new ShardedUsers { Map = map };
        foreach (string shard in (string[])[.. map.Shards, .. spare])
        {
            users._connectionStrings[shard] = await server.CreateDatabaseAsync();
            users._sources[shard] = users.Open(shard, "test");
            await users.RunAsync(shard, """
                create table users (id bigint primary key, name text not null, version int not null default 0, slot int not null);
                create index on users (slot);
                create table notes (user_id bigint not null references users on delete cascade, no int not null, text text, slot int not null,
                    length int generated always as (length(text)) stored, primary key (user_id, no));
                create index on notes (slot)
                """);
            await ShardFence.InstallAsync(users[shard], shard, map, Tables);
        }

        return users;
    }

    public NpgsqlDataSource this[string shard] => _sources[shard];

    public IReadOnlyDictionary<string, string> ConnectionStrings => _connectionStrings;

    public NpgsqlDataSource Open(string shard, string application) =>
        NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(_connectionStrings[shard]) { ApplicationName = application }.ConnectionString);

    public IEnumerable<string> Shards => _sources.Keys;

    public async Task InsertAsync(string shard, long id, string name = "Ada")
    {
        await using NpgsqlCommand command = this[shard].CreateCommand("insert into users (id, name, slot) values ($1, $2, $3)");
        command.Parameters.Add(new() { Value = id });
        command.Parameters.Add(new() { Value = name });
        command.Parameters.Add(new() { Value = Map.GetSlot(id) });
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Users 0 to count − 1, each with a note, on the shards that own them.</summary>
    public async Task FillAsync(int count)
    {
        foreach (IGrouping<string, long> home in Enumerable.Range(0, count).Select(id => (long)id).GroupBy(id => Map.GetShard(id)))
        {
            await RunAsync(home.Key, """
                with rows as (select * from unnest($1, $2) as r (id, slot)),
                    u as (insert into users (id, name, slot) select id, 'user ' || id, slot from rows)
                insert into notes (user_id, no, text, slot) select id, 1, repeat('x', id::int % 50), slot from rows
                """, home.ToArray(), home.Select(id => Map.GetSlot(id)).ToArray());
        }
    }

    public async Task<int> RunAsync(string shard, string sql, params object[] parameters)
    {
        await using NpgsqlCommand command = this[shard].CreateCommand(sql);
        command.Parameters.AddRange(parameters.Select(value => new NpgsqlParameter { Value = value }).ToArray());
        return await command.ExecuteNonQueryAsync();
    }

    public async Task<TValue> ReadAsync<TValue>(string shard, string sql)
    {
        await using NpgsqlCommand command = this[shard].CreateCommand(sql);
        return (TValue)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>Every user on every shard, copies in transit included.</summary>
    public async Task<List<(string Shard, long Id, int Version, int Slot)>> AllAsync()
    {
        var all = new List<(string, long, int, int)>();
        foreach (string shard in Shards)
        {
            await using NpgsqlCommand command = this[shard].CreateCommand("select id, version, slot from users");
            await using NpgsqlDataReader reader = await command.ExecuteReaderAsync();
            while (await reader.ReadAsync())
            {
                all.Add((shard, reader.GetInt64(0), reader.GetInt32(1), reader.GetInt32(2)));
            }
        }

        return all;
    }

    public static ShardMoveOptions Options(IProgress<ShardMoveProgress>? progress = null) =>
        new() { Tables = { Tables[0], Tables[1] }, CleanupDelay = TimeSpan.Zero, Progress = progress, SlotsPerCopy = 256 };

    public async ValueTask DisposeAsync()
    {
        foreach (NpgsqlDataSource source in _sources.Values)
        {
            await source.DisposeAsync();
        }
    }
}
