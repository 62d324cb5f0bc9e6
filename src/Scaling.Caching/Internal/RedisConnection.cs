using System.Net;
using StackExchange.Redis;

namespace Scaling.Caching.Internal;

/// <summary>The one connection to Redis: made when first needed, tried again as long as it fails, and asked which nodes there are.</summary>
internal sealed class RedisConnection(ConfigurationOptions configuration, RedisTopology topology) : IAsyncDisposable
{
    private readonly Lock _lock = new();
    private Task<IConnectionMultiplexer>? _connecting;
    private IDatabase? _database;
    private bool _disposed;

    /// <summary>A connection failed: where, of which kind, why. Raised on any thread.</summary>
    public Action<EndPoint, ConnectionType, Exception?>? Failed { get; set; }

    public ValueTask<IDatabase> DatabaseAsync() => _database is { } database ? new(database) : ConnectAsync();

    /// <summary>The slot of a key in a cluster; 0 where there is none.</summary>
    public int SlotOf(RedisKey key) => topology.IsCluster && _database is { } database ? Math.Max(0, database.Multiplexer.HashSlot(key)) : 0;

    /// <summary>True for a replica, whose loss takes nothing from us.</summary>
    public bool IsReplica(EndPoint endPoint) => _database?.Multiplexer.GetServer(endPoint) is { IsReplica: true };

    /// <param name="anew">True asks the cluster; false takes what the client has learnt by itself.</param>
    /// <param name="epochKey">Turns a tag into its key.</param>
    public async Task SurveyAsync(bool anew, Func<string, RedisKey> epochKey)
    {
        IConnectionMultiplexer multiplexer = (await DatabaseAsync().ConfigureAwait(false)).Multiplexer;
        IServer? server = multiplexer.GetServers().FirstOrDefault(static server => server is { IsConnected: true, ServerType: ServerType.Cluster });
        if (server is null)
        {
            return;
        }

        ClusterConfiguration? cluster = anew ? await server.ClusterNodesAsync().ConfigureAwait(false) : server.ClusterConfiguration;
        if (cluster is not null)
        {
            topology.Update(cluster, tag => multiplexer.HashSlot(epochKey(tag)));
        }
    }

    public async Task PingAsync(string node)
    {
        IDatabase database = await DatabaseAsync().ConfigureAwait(false);
        if (topology.EndPointOf(node) is not { } endPoint)
        {
            await database.PingAsync().ConfigureAwait(false);
            return;
        }

        // a node answers a PING before it serves, and while the cluster is down
        RedisResult info = await database.Multiplexer.GetServer(endPoint).ExecuteAsync("CLUSTER", "INFO").ConfigureAwait(false);
        if (!((string?)info ?? "").Contains("cluster_state:ok", StringComparison.Ordinal))
        {
            throw new InvalidOperationException($"Redis node {node} answers but does not serve.");
        }
    }

    public async ValueTask DisposeAsync()
    {
        Task<IConnectionMultiplexer>? connecting;
        lock (_lock)
        {
            _disposed = true;
            connecting = _connecting;
        }

        if (connecting is { IsCompleted: false })
        {
            // a Redis that hangs is not waited for: what comes of it is closed when it comes
            _ = connecting.ContinueWith(static late => late.IsCompletedSuccessfully ? CloseAsync(late.Result) : Observe(late), TaskScheduler.Default);
        }
        else if (connecting is { IsCompletedSuccessfully: true })
        {
            await CloseAsync(await connecting.ConfigureAwait(false)).ConfigureAwait(false);
        }
    }

    private async ValueTask<IDatabase> ConnectAsync()
    {
        Task<IConnectionMultiplexer> connecting;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_connecting is null or { IsFaulted: true })
            {
                _connecting = OpenAsync();
            }

            connecting = _connecting;
        }

        IConnectionMultiplexer multiplexer = await connecting.ConfigureAwait(false);
        return _database = multiplexer.GetDatabase();
    }

    private async Task<IConnectionMultiplexer> OpenAsync()
    {
        ConnectionMultiplexer multiplexer = await ConnectionMultiplexer.ConnectAsync(configuration).ConfigureAwait(false);
        multiplexer.ConnectionFailed += (_, failure) => Failed?.Invoke(failure.EndPoint!, failure.ConnectionType, failure.Exception);
        return multiplexer;
    }

    private static Task Observe(Task failed)
    {
        _ = failed.Exception;
        return Task.CompletedTask;
    }

    private static async Task CloseAsync(IConnectionMultiplexer multiplexer)
    {
        await multiplexer.CloseAsync(allowCommandsToComplete: false).ConfigureAwait(false);
        multiplexer.Dispose();
    }
}
