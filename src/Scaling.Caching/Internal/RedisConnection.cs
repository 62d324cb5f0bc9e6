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

    /// <summary>Learns from the client which nodes hold what.</summary>
    /// <param name="nudge">True has the client ask the cluster anew if a node is away: it would not notice by itself who has taken that node's place.</param>
    /// <param name="epochKey">Turns a tag into its key.</param>
    public async Task SurveyAsync(bool nudge, Func<string, RedisKey> epochKey)
    {
        IConnectionMultiplexer multiplexer = (await DatabaseAsync().ConfigureAwait(false)).Multiplexer;
        IServer[] servers = multiplexer.GetServers();
        if (Array.Find(servers, static server => server is { IsConnected: true, ServerType: ServerType.Cluster })?.ClusterConfiguration is { } cluster)
        {
            topology.Update(cluster, tag => multiplexer.HashSlot(epochKey(tag)));
            if (nudge && Array.Exists(servers, static server => !server.IsConnected))
            {
                _ = multiplexer.ConfigureAsync().ContinueWith(Observe, TaskScheduler.Default);     // takes as long as the dead node's timeouts
            }
        }
    }

    /// <summary>Proves that the node answers and, in a cluster, that it serves: it answers a PING before it does, and while the cluster is down.</summary>
    public async Task PingAsync(string node, Func<string, RedisKey> epochKey)
    {
        IDatabase database = await DatabaseAsync().ConfigureAwait(false);
        if (topology.EndPointOf(node) is not { } endPoint)
        {
            await database.PingAsync().ConfigureAwait(false);
            return;
        }

        await database.Multiplexer.GetServer(endPoint).PingAsync().ConfigureAwait(false);
        if (topology.Epochs.FirstOrDefault(epoch => topology.NodeOf(database.Multiplexer.HashSlot(epochKey(epoch))) == node) is { } own)
        {
            await database.KeyExistsAsync(epochKey(own)).ConfigureAwait(false);
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
