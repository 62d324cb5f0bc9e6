using Npgsql;
using Scaling.Pagination;

namespace TierDemo.Users;

/// <summary>The statements all stores share.</summary>
internal static class UserSql
{
    public const string Select = "SELECT id, name, email, created_at FROM users";

    public static readonly Keyset<User> ById = Keyset.For<User>().Ascending("id", user => user.Id).Unique();

    /// <summary>The cursor that means "after this id".</summary>
    public static string CursorAfter(long id) => ById.CursorFor(new User(id, "", "", default));

    public static User Read(NpgsqlDataReader reader) => new(reader.GetInt64(0), reader.GetString(1), reader.GetString(2), reader.GetDateTime(3));

    public static async Task<User?> FindAsync(NpgsqlDataSource source, long id, CancellationToken cancellationToken)
    {
        DemoMetrics.DbQueries.Inc();
        await using NpgsqlCommand command = source.CreateCommand($"{Select} WHERE id = $1");
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = id });
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken) ? Read(reader) : null;
    }

    /// <summary>The user, or null when there is none; refused, like a write, when this shard is not the one to say so.</summary>
    public static async Task<User?> FindOnShardAsync(NpgsqlDataSource shard, long id, int slot, CancellationToken cancellationToken)
    {
        if (await FindAsync(shard, id, cancellationToken) is { } user)
        {
            return user;
        }

        // A router that has not heard of a move yet would take the user's absence here for "no such user".
        await using NpgsqlCommand require = shard.CreateCommand("SELECT scaling_sharding.require_slot($1)");
        require.Parameters.Add(new NpgsqlParameter<int> { TypedValue = slot });
        await require.ExecuteNonQueryAsync(cancellationToken);
        return null;
    }

    public static async Task<List<User>> OffsetAsync(NpgsqlDataSource source, long offset, int limit, CancellationToken cancellationToken)
    {
        DemoMetrics.DbQueries.Inc();
        await using NpgsqlCommand command = source.CreateCommand($"{Select} ORDER BY id LIMIT $1 OFFSET $2");
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = limit });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = offset });
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
        var users = new List<User>(limit);
        while (await reader.ReadAsync(cancellationToken))
        {
            users.Add(Read(reader));
        }

        return users;
    }

    public static Task<Page<User>> PageAsync(NpgsqlDataSource source, string? after, int limit, CancellationToken cancellationToken)
    {
        DemoMetrics.DbQueries.Inc();
        return source.QueryPageAsync(Select, ById, new PageRequest(limit, After: after), Read, cancellationToken);
    }

    /// <summary>A page by number: one row more than asked for says whether there is a next one.</summary>
    public static UserPage ToPage(List<User> users, int limit) => users.Count > limit
        ? new UserPage(users[..limit], CursorAfter(users[limit - 1].Id))
        : new UserPage(users, null);
}
