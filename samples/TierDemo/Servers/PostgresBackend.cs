using LocalServices;
using Npgsql;
using TierDemo.Users;

namespace TierDemo.Servers;

/// <summary>Postgres: primary, streaming replica, PgBouncer and shard databases; named by the user or started privately.</summary>
internal sealed class PostgresBackend : IAsyncDisposable
{
    private const int ShardCount = 3;

    private readonly Stack<IAsyncDisposable> _started = new();

    private PostgresBackend()
    {
    }

    public BackendSettings Settings { get; private set; } = new() { Primary = "" };

    public static async Task<PostgresBackend> StartAsync(BackendOptions options, int highestTier, Action<string> say, CancellationToken cancellationToken)
    {
        var backend = new PostgresBackend();
        try
        {
            backend.Settings = options.Postgres is null
                ? await backend.StartPrivateAsync(highestTier, say, cancellationToken)
                : await UseAsync(options, options.Postgres, highestTier, say, cancellationToken);
            return backend;
        }
        catch
        {
            await backend.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        while (_started.TryPop(out IAsyncDisposable? server))
        {
            await server.DisposeAsync();
        }
    }

    private static async Task<BackendSettings> UseAsync(
        BackendOptions options, string postgres, int highestTier, Action<string> say, CancellationToken cancellationToken)
    {
        await NamedServers.AskPostgresAsync("--postgres", postgres, cancellationToken);
        foreach ((string option, string? other) in options.Shards.Select(shard => ("--shard", (string?)shard)).Append(("--replica", options.Replica)).Append(("--pgbouncer", options.PgBouncer)))
        {
            if (other is not null)
            {
                await NamedServers.AskPostgresAsync(option, other, cancellationToken);
            }
        }

        say($"Postgres   the one you named ({Where(postgres)}){(options.Replica is null ? "; no --replica: reads go to it too" : "")}");
        IReadOnlyList<string> shards = options.Shards;
        if (highestTier >= 4 && shards.Count == 0)
        {
            shards = await Task.WhenAll(Enumerable.Range(0, ShardCount).Select(i => EnsureDatabaseAsync(postgres, UserShards.Database(i), cancellationToken)));
            say($"Shards     databases {UserShards.Database(0)}..{ShardCount - 1} on it");
        }

        return new BackendSettings { Primary = postgres, Replica = options.Replica, PgBouncer = options.PgBouncer, Shards = shards };
    }

    private async Task<BackendSettings> StartPrivateAsync(int highestTier, Action<string> say, CancellationToken cancellationToken)
    {
        // Durable: the demo compares writes, and a write that is not on disk is not one.
        LocalPostgres primary = Keep(await LocalPostgres.StartAsync(new LocalPostgresOptions { Durable = true, MaxConnections = 500 }, cancellationToken));
        say($"Postgres   private, port {primary.Port}");
        string users = await primary.CreateDatabaseAsync("users", cancellationToken);
        if (highestTier < 3)
        {
            return new BackendSettings { Primary = users };
        }

        LocalPostgres standby = Keep(await primary.StartStandbyAsync(cancellationToken));
        say($"Replica    private streaming standby, port {standby.Port}");
        string replica = standby.ConnectionStringFor("users");
        IReadOnlyList<string> shards = [];
        if (highestTier >= 4)
        {
            shards = await Task.WhenAll(Enumerable.Range(0, ShardCount).Select(i => primary.CreateDatabaseAsync(UserShards.Database(i), cancellationToken)));
            say($"Shards     databases {UserShards.Database(0)}..{ShardCount - 1} on the primary's server");
        }

        if (!LocalPgBouncer.IsAvailable)
        {
            say("PgBouncer  not installed (apt-get install pgbouncer): direct connections instead");
            return new BackendSettings { Primary = users, Replica = replica, Shards = shards };
        }

        LocalPgBouncer bouncer = Keep(await LocalPgBouncer.StartAsync(
            new Dictionary<string, string> { ["users"] = users, ["replica"] = replica }, poolSize: 30, cancellationToken));
        say($"PgBouncer  private, port {bouncer.Port}, transaction mode, before primary and replica");
        return new BackendSettings
        {
            Primary = users,
            Replica = bouncer.ConnectionStringFor("replica"),
            PgBouncer = bouncer.ConnectionStringFor("users"),
            Shards = shards,
        };
    }

    private T Keep<T>(T server)
        where T : IAsyncDisposable
    {
        _started.Push(server);
        return server;
    }

    /// <summary>A database on the same server, made if there is none of that name.</summary>
    internal static async Task<string> EnsureDatabaseAsync(string postgres, string name, CancellationToken cancellationToken)
    {
        await using var source = NpgsqlDataSource.Create(postgres);
        await using NpgsqlCommand find = source.CreateCommand("SELECT 1 FROM pg_database WHERE datname = $1");
        find.Parameters.Add(new NpgsqlParameter<string> { TypedValue = name });
        if (await find.ExecuteScalarAsync(cancellationToken) is null)
        {
            await using NpgsqlCommand create = source.CreateCommand($"CREATE DATABASE {name}");
            await create.ExecuteNonQueryAsync(cancellationToken);
        }

        return new NpgsqlConnectionStringBuilder(postgres) { Database = name }.ConnectionString;
    }

    private static string Where(string connectionString)
    {
        var parts = new NpgsqlConnectionStringBuilder(connectionString);
        return $"{parts.Host}:{parts.Port}/{parts.Database}";
    }
}
