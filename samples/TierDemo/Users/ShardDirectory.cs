using Npgsql;

namespace TierDemo.Users;

/// <summary>Where each shard is: a table at the primary that holds addresses and no logins. Those who ask log in to the shards as they do at the primary.</summary>
/// <param name="primary">Connection string of the primary; not through PgBouncer.</param>
internal sealed class ShardDirectory(string primary)
{
    private const string Table = "CREATE TABLE IF NOT EXISTS user_shards (name text PRIMARY KEY, address text NOT NULL)";

    private readonly NpgsqlConnectionStringBuilder _login = new(primary);

    /// <summary>The connection string of every shard by its name; none before seeding.</summary>
    public async Task<IReadOnlyDictionary<string, string>> ReadAsync(CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await OpenAsync(cancellationToken);
        await using (var find = new NpgsqlCommand("SELECT to_regclass('user_shards') IS NOT NULL", connection))
        {
            if (await find.ExecuteScalarAsync(cancellationToken) is not true)
            {
                return new Dictionary<string, string>();
            }
        }

        await using var read = new NpgsqlCommand("SELECT name, address FROM user_shards", connection);
        await using NpgsqlDataReader reader = await read.ExecuteReaderAsync(cancellationToken);
        var addresses = new Dictionary<string, string>();
        while (await reader.ReadAsync(cancellationToken))
        {
            addresses[reader.GetString(0)] = WithLogin(reader.GetString(1));
        }

        return addresses;
    }

    /// <summary>Forgets all shards and knows these: for seeding.</summary>
    public Task ReplaceAsync(IEnumerable<(string Name, string ConnectionString)> shards, CancellationToken cancellationToken) =>
        WriteAsync(Table + "; DELETE FROM user_shards", shards, cancellationToken);

    /// <summary>Adds a shard that is ready to take users.</summary>
    public Task AddAsync(string name, string connectionString, CancellationToken cancellationToken) =>
        WriteAsync(Table, [(name, connectionString)], cancellationToken);

    /// <summary>A connection string as the directory gives it back.</summary>
    /// <exception cref="InvalidOperationException">It logs in differently from the primary.</exception>
    public string Checked(string connectionString)
    {
        var parts = new NpgsqlConnectionStringBuilder(connectionString);
        return (parts.Username, parts.Password) == (_login.Username, _login.Password)
            ? WithLogin(WithoutLogin(connectionString))
            : throw new InvalidOperationException($"The shard {parts.Host}:{parts.Port}/{parts.Database} needs the same Username and Password as --postgres: the directory of the shards holds addresses, not logins.");
    }

    private async Task WriteAsync(string before, IEnumerable<(string Name, string ConnectionString)> shards, CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await OpenAsync(cancellationToken);
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellationToken);
        await using (var prepare = new NpgsqlCommand(before, connection))
        {
            await prepare.ExecuteNonQueryAsync(cancellationToken);
        }

        foreach ((string name, string connectionString) in shards)
        {
            await using var insert = new NpgsqlCommand("INSERT INTO user_shards (name, address) VALUES ($1, $2)", connection);
            insert.Parameters.Add(new NpgsqlParameter<string> { TypedValue = name });
            insert.Parameters.Add(new NpgsqlParameter<string> { TypedValue = WithoutLogin(Checked(connectionString)) });
            await insert.ExecuteNonQueryAsync(cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
    }

    private async Task<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(primary) { Pooling = false }.ConnectionString);
        await connection.OpenAsync(cancellationToken);
        return connection;
    }

    private static string WithoutLogin(string connectionString) =>
        new NpgsqlConnectionStringBuilder(connectionString) { Username = null, Password = null }.ConnectionString;

    private string WithLogin(string address) =>
        new NpgsqlConnectionStringBuilder(address) { Username = _login.Username, Password = _login.Password }.ConnectionString;
}
