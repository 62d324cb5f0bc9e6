using LocalServices.Internal;

namespace LocalServices;

/// <summary>A private, throw-away Redis Cluster of masters on loopback. Members are not thread-safe.</summary>
public sealed class LocalRedisCluster : IAsyncDisposable
{
    private const int Slots = 16_384;

    private LocalRedisCluster(IReadOnlyList<LocalRedis> nodes) => Nodes = nodes;

    /// <summary>The nodes, each owning an equal share of the slots.</summary>
    public IReadOnlyList<LocalRedis> Nodes { get; }

    /// <summary>All nodes, as StackExchange.Redis takes them.</summary>
    public string ConnectionString => string.Join(',', Nodes.Select(node => node.ConnectionString));

    /// <summary>Starts the nodes, hands out the slots and waits until every node sees the whole cluster.</summary>
    /// <exception cref="MissingServerException">Redis is not installed.</exception>
    public static async Task<LocalRedisCluster> StartAsync(int nodes = 3, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(nodes, 3);
        int[] busPorts = [.. Enumerable.Range(0, nodes).Select(_ => FreePort.Next())];
        LocalRedis[] servers = await Task.WhenAll(busPorts.Select(port => LocalRedis.StartAsync(NodeOptions(port), cancellationToken)));
        var cluster = new LocalRedisCluster(servers);
        try
        {
            await cluster.FormAsync(busPorts, cancellationToken);
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Stops every node in its tracks.</summary>
    public void Pause() => Each(node => node.Pause());

    /// <summary>Ends a <see cref="Pause"/>.</summary>
    public void Resume() => Each(node => node.Resume());

    /// <summary>Kills every node as a crash would.</summary>
    public Task KillAsync() => Task.WhenAll(Nodes.Select(node => node.KillAsync()));

    /// <summary>Starts every node again, empty, with the slots it had, and waits until the cluster serves.</summary>
    public async Task RestartAsync(CancellationToken cancellationToken = default)
    {
        await Task.WhenAll(Nodes.Select(node => node.RestartAsync(cancellationToken)));
        await WaitUntilWholeAsync(cancellationToken);
    }

    /// <summary>Kills every node.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (LocalRedis node in Nodes)
        {
            await node.DisposeAsync();
        }
    }

    private static LocalRedisOptions NodeOptions(int busPort) => new()
    {
        Settings = new Dictionary<string, string>
        {
            ["cluster-enabled"] = "yes",
            ["cluster-port"] = $"{busPort}",
            ["cluster-node-timeout"] = "2000",
            // A dead node takes its own slots down, not everybody's.
            ["cluster-require-full-coverage"] = "no",
        },
    };

    private async Task FormAsync(int[] busPorts, CancellationToken cancellationToken)
    {
        for (int i = 0; i < Nodes.Count; i++)
        {
            int first = i * Slots / Nodes.Count;
            int last = ((i + 1) * Slots / Nodes.Count) - 1;
            await Nodes[i].CommandAsync(["CLUSTER", "ADDSLOTSRANGE", $"{first}", $"{last}"], cancellationToken);
            await Nodes[i].CommandAsync(["CLUSTER", "SET-CONFIG-EPOCH", $"{i + 1}"], cancellationToken);
            await Nodes[0].CommandAsync(["CLUSTER", "MEET", "127.0.0.1", $"{Nodes[i].Port}", $"{busPorts[i]}"], cancellationToken);
        }

        await WaitUntilWholeAsync(cancellationToken);
    }

    private async Task WaitUntilWholeAsync(CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(TimeSpan.FromSeconds(30));
        foreach (LocalRedis node in Nodes)
        {
            string info;
            do
            {
                await Task.Delay(50, deadline.Token);
                info = await node.CommandAsync(["CLUSTER", "INFO"], deadline.Token);
            }
            while (!info.Contains("cluster_state:ok", StringComparison.Ordinal)
                || !info.Contains($"cluster_slots_ok:{Slots}", StringComparison.Ordinal)
                || !info.Contains($"cluster_known_nodes:{Nodes.Count}", StringComparison.Ordinal));
        }
    }

    private void Each(Action<LocalRedis> action)
    {
        foreach (LocalRedis node in Nodes)
        {
            action(node);
        }
    }
}
