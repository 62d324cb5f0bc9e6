using Npgsql;

namespace TierDemo.Users;

/// <summary>Tiers 1 to 3: one table, written at the primary, read there or at a replica.</summary>
internal sealed class SingleUserStore(NpgsqlDataSource writes, NpgsqlDataSource reads) : IUserStore
{
    public async Task<User?> FindAsync(long id, CancellationToken cancellationToken) =>
        // A replica lags: what it does not know yet, the primary may.
        await UserSql.FindAsync(reads, id, cancellationToken)
        ?? (ReferenceEquals(reads, writes) ? null : await UserSql.FindAsync(writes, id, cancellationToken));

    public async Task<UserPage> PageAsync(string? after, int limit, CancellationToken cancellationToken)
    {
        var page = await UserSql.PageAsync(reads, after, limit, cancellationToken);
        return new UserPage(page.Items, page.Next);
    }

    public async Task<UserPage> OffsetPageAsync(int page, int limit, CancellationToken cancellationToken) =>
        UserSql.ToPage(await UserSql.OffsetAsync(reads, (page - 1L) * limit, limit + 1, cancellationToken), limit);

    public async Task<User> AddAsync(string name, string email, CancellationToken cancellationToken)
    {
        DemoMetrics.DbQueries.Inc();
        await using NpgsqlCommand command = writes.CreateCommand("INSERT INTO users (name, email) VALUES ($1, $2) RETURNING id, created_at");
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = name });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = email });
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new User(reader.GetInt64(0), name, email, reader.GetDateTime(1));
    }
}
