using System.Diagnostics;
using LocalServices;

namespace TierDemo.Servers;

/// <summary>Redis: one for tier 3, a cluster for tier 4; named by the user, started privately, or Garnet in this process.</summary>
internal sealed class RedisBackend : IAsyncDisposable
{
    private readonly LocalRedis? _single;
    private readonly LocalRedisCluster? _cluster;
    private readonly EmbeddedGarnet? _garnet;
    private readonly BackendOptions _options;

    private RedisBackend(BackendOptions options, LocalRedis? single, LocalRedisCluster? cluster, EmbeddedGarnet? garnet)
    {
        (_options, _single, _cluster, _garnet) = (options, single, cluster, garnet);
        Single = options.Redis ?? single?.ConnectionString ?? garnet!.ConnectionString;
        Cluster = options.RedisCluster ?? options.Redis ?? cluster?.ConnectionString ?? Single;
    }

    public string Single { get; }

    public string Cluster { get; }

    public bool CanStop => _options.Redis is null || (_options.RedisStop is not null && _options.RedisStart is not null);

    public bool CanPause => _single is not null;

    public static async Task<RedisBackend> StartAsync(BackendOptions options, int highestTier, Action<string> say, CancellationToken cancellationToken)
    {
        if (options.Redis is not null)
        {
            await NamedServers.AskRedisAsync("--redis", options.Redis, cancellationToken);
            if (options.RedisCluster is not null)
            {
                await NamedServers.AskRedisAsync("--redis-cluster", options.RedisCluster, cancellationToken);
            }

            string address = options.Redis.Split(',')[0]; // what follows may be a password
            say($"Redis      the one you named ({address}){(options.RedisCluster is null ? "" : ", and the cluster")}");
            return new RedisBackend(options, null, null, null);
        }

        if (!LocalRedis.IsAvailable)
        {
            EmbeddedGarnet garnet = EmbeddedGarnet.Start();
            say($"Redis      no redis-server found (apt-get install redis-server): Garnet inside this process, {garnet.ConnectionString}");
            return new RedisBackend(options, null, null, garnet);
        }

        LocalRedis single = await LocalRedis.StartAsync(cancellationToken: cancellationToken);
        say($"Redis      private, port {single.Port}");
        if (highestTier < 4)
        {
            return new RedisBackend(options, single, null, null);
        }

        try
        {
            LocalRedisCluster cluster = await LocalRedisCluster.StartAsync(cancellationToken: cancellationToken);
            say($"Cluster    private Redis Cluster, ports {string.Join(", ", cluster.Nodes.Select(node => node.Port))}");
            return new RedisBackend(options, single, cluster, null);
        }
        catch
        {
            await single.DisposeAsync();
            throw;
        }
    }

    public Task KillAsync(int tier, CancellationToken cancellationToken) => (tier, _single, _cluster, _garnet) switch
    {
        (_, null, null, null) => ShellAsync(_options.RedisStop, "--redis-stop", cancellationToken),
        (_, _, _, not null) => Task.Run(_garnet.Kill, cancellationToken),
        ( >= 4, _, not null, _) => _cluster.KillAsync(),
        _ => _single!.KillAsync(),
    };

    public Task ReviveAsync(int tier, CancellationToken cancellationToken) => (tier, _single, _cluster, _garnet) switch
    {
        (_, null, null, null) => ShellAsync(_options.RedisStart, "--redis-start", cancellationToken),
        (_, _, _, not null) => Task.Run(_garnet.Revive, cancellationToken),
        ( >= 4, _, not null, _) => _cluster.RestartAsync(cancellationToken),
        _ => _single!.RestartAsync(cancellationToken),
    };

    public void Pause(int tier) => Freeze(tier, server => server.Pause(), cluster => cluster.Pause());

    public void Resume(int tier) => Freeze(tier, server => server.Resume(), cluster => cluster.Resume());

    public async ValueTask DisposeAsync()
    {
        if (_cluster is not null)
        {
            await _cluster.DisposeAsync();
        }

        if (_single is not null)
        {
            await _single.DisposeAsync();
        }

        _garnet?.Dispose();
    }

    private void Freeze(int tier, Action<LocalRedis> one, Action<LocalRedisCluster> all)
    {
        if (tier >= 4 && _cluster is not null)
        {
            all(_cluster);
        }
        else
        {
            one(_single ?? throw new InvalidOperationException("Only a redis-server started here can be paused."));
        }
    }

    private static async Task ShellAsync(string? command, string option, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(command, option);
        using Process process = Process.Start("/bin/sh", ["-c", command]);
        await process.WaitForExitAsync(cancellationToken);
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{option} '{command}' ended with {process.ExitCode}.");
        }
    }
}
