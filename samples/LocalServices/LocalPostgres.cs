using LocalServices.Internal;
using Npgsql;

namespace LocalServices;

/// <summary>A private, throw-away PostgreSQL server on loopback. Members are not thread-safe.</summary>
public sealed class LocalPostgres : IAsyncDisposable
{
    private readonly string _data;
    private readonly LocalPostgresOptions _options;
    private LocalProcess _process;

    private LocalPostgres(string data, int port, LocalPostgresOptions options)
    {
        _data = data;
        _options = options;
        Port = port;
        _process = Launch();
    }

    /// <summary>The port on 127.0.0.1; a restart keeps it.</summary>
    public int Port { get; }

    /// <summary>The postmaster's process id; a restart changes it.</summary>
    public int ProcessId => _process.Id;

    /// <summary>Superuser <c>postgres</c> on database <c>postgres</c>.</summary>
    public string ConnectionString => ConnectionStringFor("postgres");

    /// <summary>True when the programs are on this machine.</summary>
    public static bool IsAvailable => Binaries.Has("initdb") && Binaries.Has("postgres");

    /// <summary>Creates a cluster in a temp folder and starts it.</summary>
    /// <exception cref="MissingServerException">PostgreSQL is not installed.</exception>
    public static async Task<LocalPostgres> StartAsync(LocalPostgresOptions? options = null, CancellationToken cancellationToken = default)
    {
        string initdb = Binaries.Find("initdb");
        string data = await ServiceUser.CreateFolderAsync("postgres", cancellationToken);
        await ServiceUser.RunAsServiceUserAsync(
            [initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"], cancellationToken);
        return await StartOnAsync(data, options ?? new LocalPostgresOptions(), cancellationToken);
    }

    /// <summary>The connection string of a database on this server.</summary>
    public string ConnectionStringFor(string database) => new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1",
        Port = Port,
        Username = "postgres",
        Database = database,
        Timeout = 5,
        GssEncryptionMode = GssEncryptionMode.Disable,
    }.ConnectionString;

    /// <summary>Creates a database and returns its connection string.</summary>
    public async Task<string> CreateDatabaseAsync(string name, CancellationToken cancellationToken = default)
    {
        await using var source = NpgsqlDataSource.Create(ConnectionString + ";Pooling=false");
        await using NpgsqlCommand command = source.CreateCommand($"CREATE DATABASE \"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"");
        await command.ExecuteNonQueryAsync(cancellationToken);
        return ConnectionStringFor(name);
    }

    /// <summary>Starts a hot standby that streams from this server. Dispose of it before this server.</summary>
    public async Task<LocalPostgres> StartStandbyAsync(CancellationToken cancellationToken = default)
    {
        string data = await ServiceUser.CreateFolderAsync("standby", cancellationToken);
        await ServiceUser.RunAsServiceUserAsync(
            [Binaries.Find("pg_basebackup"), "-D", data, "-h", "127.0.0.1", "-p", $"{Port}", "-U", "postgres", "-R", "-X", "stream", "-c", "fast", "--no-sync"], cancellationToken);
        return await StartOnAsync(data, _options, cancellationToken);
    }

    /// <summary>Stops the server and all its backends in their tracks: connections stay open, nothing answers.</summary>
    public void Pause() => _process.Pause();

    /// <summary>Ends a <see cref="Pause"/>.</summary>
    public void Resume() => _process.Resume();

    /// <summary>Kills the server as a crash would (SIGKILL); <see cref="RestartAsync"/> recovers from its log.</summary>
    public Task KillAsync() => _process.KillAsync();

    /// <summary>A fast, orderly shutdown: open transactions are rolled back.</summary>
    public Task StopAsync() => _process.StopAsync(interrupt: true);

    /// <summary>Starts the server again on the same port and data, after killing it if it still runs.</summary>
    public async Task RestartAsync(CancellationToken cancellationToken = default)
    {
        await _process.DisposeAsync();
        // A killed postmaster leaves its lock file; its number may since belong to another process.
        File.Delete(Path.Combine(_data, "postmaster.pid"));
        _process = Launch();
        await WaitUntilReadyAsync(cancellationToken);
    }

    /// <summary>Kills the server.</summary>
    public ValueTask DisposeAsync() => _process.DisposeAsync();

    private static async Task<LocalPostgres> StartOnAsync(string data, LocalPostgresOptions options, CancellationToken cancellationToken)
    {
        var server = new LocalPostgres(data, FreePort.Next(), options);
        try
        {
            await server.WaitUntilReadyAsync(cancellationToken);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    private LocalProcess Launch() => LocalProcess.Start(
        "postgres", [.. ServiceUser.Prefix, Binaries.Find("postgres"), "-D", _data, "-p", $"{Port}", .. _options.ToArguments()]);

    private Task WaitUntilReadyAsync(CancellationToken cancellationToken) => Ready.WaitAsync($"Postgres on port {Port}", _process, AnswersAsync, cancellationToken);

    private async Task<bool> AnswersAsync(CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = new NpgsqlConnection(ConnectionString + ";Pooling=false");
            await connection.OpenAsync(cancellationToken);
            return true;
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }
}
