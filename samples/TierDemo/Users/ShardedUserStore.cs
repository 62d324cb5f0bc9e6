using Npgsql;
using Scaling.Sharding;

namespace TierDemo.Users;

/// <summary>Tier 4: users spread over shards by id, written in batches, one batcher per shard, read under a resilience pipeline.</summary>
internal sealed class ShardedUserStore(NpgsqlDataSource primary, UserShards shards, ShardReads reads, TimeProvider timeProvider) : IUserStore, IAsyncDisposable
{
    // The key leaves out rows in transit: while slots move, a row stands on two shards.
    private static readonly ShardOrder<User> ById = new(
        Comparer<User>.Create((left, right) => left.Id.CompareTo(right.Id)), user => UserSql.CursorAfter(user.Id), user => user.Id);

    private readonly IdBlocks _ids = new(primary);

    public Task<User?> FindAsync(long id, CancellationToken cancellationToken) => shards.Set.ExecuteAsync(
        id,
        (shard, token) => reads.RunAsync(
            shard.Source, static (source, user, token) => UserSql.FindOnShardAsync(source, user.id, user.slot, token), (id, slot: shards.SlotOf(id)), token),
        cancellationToken);

    public async Task<UserPage> PageAsync(string? after, int limit, CancellationToken cancellationToken)
    {
        ShardPage<User> page = await shards.Set.QueryPageAsync(
            ById,
            async (shard, cursor, size, token) =>
                (await reads.RunAsync(shard.Source, static (source, page, token) => UserSql.PageAsync(source, page.cursor, page.size, token), (cursor, size), token)).Items,
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
        IReadOnlyList<List<User>> parts = await shards.Set.QueryAllAsync(
            (shard, token) => reads.RunAsync(shard.Source, static (source, rows, token) => UserSql.OffsetAsync(source, 0, rows, token), rows, token), cancellationToken);
        List<User> users = [.. parts.SelectMany(part => part).DistinctBy(user => user.Id).OrderBy(user => user.Id).Skip((int)skip).Take(limit + 1)];
        return UserSql.ToPage(users, limit);
    }

    public async Task<User> AddAsync(string name, string email, CancellationToken cancellationToken)
    {
        var user = new User(await _ids.NextAsync(cancellationToken), name, email, timeProvider.GetUtcNow().UtcDateTime);
        return await shards.Set.ExecuteAsync(
            user.Id,
            async (shard, token) =>
            {
                await shard.WriteAsync(user, token);
                return user;
            },
            cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await shards.DisposeAsync();
        _ids.Dispose();
    }
}
