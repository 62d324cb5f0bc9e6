using LocalServices;
using StackExchange.Redis;

[assembly: AssemblyFixture(typeof(Scaling.Batching.Redis.Tests.RedisServer))]

namespace Scaling.Batching.Redis.Tests;

/// <summary>One real Redis for the whole assembly. Each test has a queue of its own; those that kill a server start their own.</summary>
public sealed class RedisServer : IAsyncLifetime
{
    /// <summary>What Redis acknowledged survives its crash.</summary>
    public static readonly LocalRedisOptions Durable = new()
    {
        Settings = new Dictionary<string, string> { ["appendonly"] = "yes", ["appendfsync"] = "always" },
    };

    private LocalRedis _server = null!;

    public IConnectionMultiplexer Connection { get; private set; } = null!;

    public string ConnectionString => _server.ConnectionString;

    public async ValueTask InitializeAsync()
    {
        _server = await LocalRedis.StartAsync();
        Connection = await ConnectAsync(_server.ConnectionString);
    }

    public async ValueTask DisposeAsync()
    {
        await Connection.DisposeAsync();
        await _server.DisposeAsync();
    }

    public static async Task<IConnectionMultiplexer> ConnectAsync(string connectionString) =>
        await ConnectionMultiplexer.ConnectAsync("abortConnect=false,connectTimeout=1000," + connectionString);
}
