using LocalServices.Internal;

namespace LocalServices;

/// <summary>A private, throw-away redis-server on loopback. Members are not thread-safe.</summary>
public sealed class LocalRedis : IAsyncDisposable
{
    private readonly string _folder;
    private readonly LocalRedisOptions _options;
    private LocalProcess _process;

    private LocalRedis(string folder, int port, LocalRedisOptions options)
    {
        _folder = folder;
        _options = options;
        Port = port;
        _process = Launch();
    }

    /// <summary>The port on 127.0.0.1; a restart keeps it.</summary>
    public int Port { get; }

    /// <summary>The server's process id; a restart changes it.</summary>
    public int ProcessId => _process.Id;

    /// <summary>Host and port, as StackExchange.Redis takes them.</summary>
    public string ConnectionString => $"127.0.0.1:{Port}";

    /// <summary>True when the programs are on this machine.</summary>
    public static bool IsAvailable => Binaries.Has("redis-server") && Binaries.Has("redis-cli");

    /// <summary>Starts a server.</summary>
    /// <exception cref="MissingServerException">Redis is not installed.</exception>
    public static async Task<LocalRedis> StartAsync(LocalRedisOptions? options = null, CancellationToken cancellationToken = default)
    {
        _ = Binaries.Find("redis-server");
        string folder = await ServiceUser.CreateFolderAsync("redis", cancellationToken);
        var server = new LocalRedis(folder, FreePort.Next(), options ?? new LocalRedisOptions());
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

    /// <summary>Starts a second server that follows this one, and waits until it has what this one has. It dies with its own disposal.</summary>
    /// <exception cref="MissingServerException">Redis is not installed.</exception>
    public async Task<LocalRedis> StartReplicaAsync(CancellationToken cancellationToken = default)
    {
        LocalRedis replica = await StartAsync(_options, cancellationToken);
        try
        {
            await replica.CommandAsync(["REPLICAOF", "127.0.0.1", $"{Port}"], cancellationToken);
            await Ready.WaitAsync(
                $"Replica on port {replica.Port}",
                replica._process,
                async token => (await replica.CommandAsync(["INFO", "replication"], token)).Contains("master_link_status:up", StringComparison.Ordinal),
                cancellationToken);
            return replica;
        }
        catch
        {
            await replica.DisposeAsync();
            throw;
        }
    }

    /// <summary>Makes a replica a primary, as an operator or Sentinel does when the primary has died.</summary>
    public Task PromoteAsync(CancellationToken cancellationToken = default) => CommandAsync(["REPLICAOF", "NO", "ONE"], cancellationToken);

    /// <summary>Stops the server in its tracks: connections stay open, nothing answers.</summary>
    public void Pause() => _process.Pause();

    /// <summary>Ends a <see cref="Pause"/>.</summary>
    public void Resume() => _process.Resume();

    /// <summary>Kills the server as a crash would (SIGKILL).</summary>
    public Task KillAsync() => _process.KillAsync();

    /// <summary>An orderly shutdown.</summary>
    public Task StopAsync() => _process.StopAsync();

    /// <summary>Starts the server again on the same port and folder, after killing it if it still runs.</summary>
    public async Task RestartAsync(CancellationToken cancellationToken = default)
    {
        await _process.DisposeAsync();
        _process = Launch();
        await WaitUntilReadyAsync(cancellationToken);
    }

    /// <summary>Runs redis-cli against the server and returns what it printed.</summary>
    /// <exception cref="TimeoutException">The server did not answer within 5 s.</exception>
    /// <exception cref="InvalidOperationException">The server cannot be reached.</exception>
    public async Task<string> CommandAsync(string[] command, CancellationToken cancellationToken = default)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(TimeSpan.FromSeconds(5));
        try
        {
            return await ServiceUser.RunAsServiceUserAsync([Binaries.Find("redis-cli"), "-h", "127.0.0.1", "-p", $"{Port}", .. command], deadline.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"Redis on port {Port} did not answer {command[0]} within 5 s.");
        }
    }

    /// <summary>Kills the server.</summary>
    public ValueTask DisposeAsync() => _process.DisposeAsync();

    private LocalProcess Launch()
    {
        var settings = new Dictionary<string, string>
        {
            ["port"] = $"{Port}",
            ["bind"] = "127.0.0.1",
            ["dir"] = _folder,
            ["save"] = "",
            ["appendonly"] = "no",
            ["daemonize"] = "no",
        };
        foreach ((string key, string value) in _options.Settings)
        {
            settings[key] = value;
        }

        return LocalProcess.Start(
            "redis", [.. ServiceUser.Prefix, Binaries.Find("redis-server"), .. settings.SelectMany(setting => (string[])[$"--{setting.Key}", setting.Value])]);
    }

    private Task WaitUntilReadyAsync(CancellationToken cancellationToken) => Ready.WaitAsync($"Redis on port {Port}", _process, AnswersAsync, cancellationToken);

    private async Task<bool> AnswersAsync(CancellationToken cancellationToken)
    {
        try
        {
            return (await CommandAsync(["PING"], cancellationToken)).StartsWith("PONG", StringComparison.Ordinal);
        }
        catch (Exception exception) when (exception is InvalidOperationException or TimeoutException)
        {
            return false;
        }
    }
}
