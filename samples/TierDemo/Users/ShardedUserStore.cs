using System.Collections.Frozen;
using Npgsql;
using Scaling.Batching;
using Scaling.Sharding;

namespace TierDemo.Users;

/// <summary>Tier 4: users spread over shards by id, written in batches, one batcher per shard, read under a resilience pipeline.</summary>
internal sealed class ShardedUserStore : IUserStore, IAsyncDisposable
{
    private static readonly ShardOrder<User> ById = new(
        Comparer<User>.Create((left, right) => left.Id.CompareTo(right.Id)), user => UserSql.CursorAfter(user.Id));

    private readonly ShardMap _map;
    private readonly ShardSet<NpgsqlDataSource> _shards;
    private readonly FrozenDictionary<string, WriteBatcher<User>> _writers;
    private readonly IdBlocks _ids;
    private readonly ShardReads _reads;

    public ShardedUserStore(NpgsqlDataSource primary, IReadOnlyList<NpgsqlDataSource> shards, ShardReads reads, TimeProvider timeProvider)
    {
        _map = UserShards.Map(shards.Count);
        _shards = new ShardSet<NpgsqlDataSource>(_map, name => shards[UserShards.Index(name)]);
        _ids = new IdBlocks(primary);
        _writers = _map.Shards.ToFrozenDictionary(name => name, name => CreateWriter(shards[UserShards.Index(name)]));
        TimeProvider = timeProvider;
        _reads = reads;
    }

    private TimeProvider TimeProvider { get; }

    public Task<User?> FindAsync(long id, CancellationToken cancellationToken) =>
        _reads.RunAsync(_shards[id], static (shard, id, token) => UserSql.FindAsync(shard, id, token), id, cancellationToken);

    public async Task<UserPage> PageAsync(string? after, int limit, CancellationToken cancellationToken)
    {
        ShardPage<User> page = await _shards.QueryPageAsync(
            ById,
            async (shard, cursor, size, token) =>
                (await _reads.RunAsync(shard, static (shard, page, token) => UserSql.PageAsync(shard, page.cursor, page.size, token), (cursor, size), token)).Items,
            limit,
            after,
            cancellationToken);
        return new UserPage(page.Items, page.Next);
    }

    /// <summary>By page number every shard must read all rows up to that page: the price of OFFSET grows with depth and with shards.</summary>
    public async Task<UserPage> OffsetPageAsync(int page, int limit, CancellationToken cancellationToken)
    {
        long skip = (page - 1L) * limit;
        int rows = checked((int)(skip + limit + 1));
        IReadOnlyList<List<User>> parts = await _shards.QueryAllAsync(
            (shard, token) => _reads.RunAsync(shard, static (shard, rows, token) => UserSql.OffsetAsync(shard, 0, rows, token), rows, token), cancellationToken);
        List<User> users = [.. parts.SelectMany(part => part).OrderBy(user => user.Id).Skip((int)skip).Take(limit + 1)];
        return UserSql.ToPage(users, limit);
    }

    public async Task<User> AddAsync(string name, string email, CancellationToken cancellationToken)
    {
        long id = await _ids.NextAsync(cancellationToken);
        var user = new User(id, name, email, TimeProvider.GetUtcNow().UtcDateTime);
        await _writers[_map.GetShard(id)].WriteAsync(user, cancellationToken);
        return user;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (WriteBatcher<User> writer in _writers.Values)
        {
            await writer.DisposeAsync();
        }

        await _shards.DisposeAsync();
        _ids.Dispose();
    }

    private WriteBatcher<User> CreateWriter(NpgsqlDataSource shard)
    {
        PostgresInsert<User> insert = new PostgresInsert<User>("users")
            .Column("id", user => user.Id)
            .Column("slot", user => _map.GetSlot(user.Id))
            .Column("name", user => user.Name)
            .Column("email", user => user.Email)
            .Column("created_at", user => user.CreatedAt);
        return new WriteBatcher<User>(
            (users, token) =>
            {
                DemoMetrics.DbQueries.Inc();
                return insert.ExecuteAsync(shard, users, token);
            },
            // The guide's 100 rows, and far below its 50 ms: a batch gathers only while the one before is being written.
            new WriteBatcherOptions { MaxBatchSize = 100 });
    }
}
