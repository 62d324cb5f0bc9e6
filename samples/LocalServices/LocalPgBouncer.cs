using LocalServices.Internal;
using Npgsql;

namespace LocalServices;

/// <summary>A private PgBouncer in transaction mode on loopback. Members are not thread-safe.</summary>
public sealed class LocalPgBouncer : IAsyncDisposable
{
    private readonly LocalProcess _process;

    private LocalPgBouncer(LocalProcess process, int port)
    {
        _process = process;
        Port = port;
    }

    /// <summary>The port on 127.0.0.1.</summary>
    public int Port { get; }

    /// <summary>True when the program is on this machine.</summary>
    public static bool IsAvailable => Binaries.Has("pgbouncer");

    /// <summary>Starts PgBouncer in front of databases.</summary>
    /// <param name="databases">The name a client asks for, and the connection string it leads to.</param>
    /// <param name="poolSize">Server connections per database. Default 20.</param>
    /// <param name="cancellationToken">Gives up starting.</param>
    /// <exception cref="MissingServerException">PgBouncer is not installed.</exception>
    public static async Task<LocalPgBouncer> StartAsync(
        IReadOnlyDictionary<string, string> databases, int poolSize = 20, CancellationToken cancellationToken = default)
    {
        string program = Binaries.Find("pgbouncer");
        int port = FreePort.Next();
        // Passwords may stand in the file: the folder is the service user's alone.
        string file = Path.Combine(await ServiceUser.CreateFolderAsync("pgbouncer", cancellationToken), "pgbouncer.ini");
        await File.WriteAllTextAsync(file, Configuration(databases, port, poolSize), cancellationToken);
        var bouncer = new LocalPgBouncer(LocalProcess.Start("pgbouncer", [.. ServiceUser.Prefix, program, file]), port);
        try
        {
            await Ready.WaitAsync($"PgBouncer on port {port}", bouncer._process, token => AnswersAsync(bouncer, databases.Keys.First(), token), cancellationToken);
            return bouncer;
        }
        catch
        {
            await bouncer.DisposeAsync();
            throw;
        }
    }

    /// <summary>The connection string of a database through PgBouncer.</summary>
    /// <remarks>In transaction mode a session is nobody's: no prepared statements (PgBouncer before 1.21), no session reset.</remarks>
    public string ConnectionStringFor(string database) => new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1",
        Port = Port,
        Username = "postgres",
        Database = database,
        Timeout = 5,
        MaxAutoPrepare = 0,
        NoResetOnClose = true,
        GssEncryptionMode = GssEncryptionMode.Disable,
    }.ConnectionString;

    /// <summary>Stops PgBouncer in its tracks.</summary>
    public void Pause() => _process.Pause();

    /// <summary>Ends a <see cref="Pause"/>.</summary>
    public void Resume() => _process.Resume();

    /// <summary>Kills PgBouncer.</summary>
    public ValueTask DisposeAsync() => _process.DisposeAsync();

    private static string Configuration(IReadOnlyDictionary<string, string> databases, int port, int poolSize)
    {
        IEnumerable<string> lines = databases.Select(database =>
        {
            var target = new NpgsqlConnectionStringBuilder(database.Value);
            string password = target.Password is null ? "" : $" password={target.Password}";
            return $"{database.Key} = host={target.Host} port={target.Port} dbname={target.Database} user={target.Username}{password}";
        });
        return $"""
            [databases]
            {string.Join(Environment.NewLine, lines)}

            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {port}
            unix_socket_dir =
            auth_type = any
            pool_mode = transaction
            max_client_conn = 2000
            default_pool_size = {poolSize}
            ignore_startup_parameters = extra_float_digits,search_path
            log_connections = 0
            log_disconnections = 0

            """;
    }

    private static async Task<bool> AnswersAsync(LocalPgBouncer bouncer, string database, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = new NpgsqlConnection(bouncer.ConnectionStringFor(database) + ";Pooling=false");
            await connection.OpenAsync(cancellationToken);
            return true;
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }
}
