using LocalServices;

[assembly: AssemblyFixture(typeof(Scaling.Sharding.Tests.PostgresServer))]

namespace Scaling.Sharding.Tests;

/// <summary>One real Postgres for the whole project, started when the first test asks for a database of its own.</summary>
public sealed class PostgresServer : IAsyncDisposable
{
    private readonly SemaphoreSlim _starting = new(1, 1);
    private LocalPostgres? _server;
    private int _databases;

    public async Task<LocalPostgres> GetAsync()
    {
        await _starting.WaitAsync();
        try
        {
            return _server ??= await LocalPostgres.StartAsync();
        }
        finally
        {
            _starting.Release();
        }
    }

    public async Task<string> CreateDatabaseAsync()
    {
        LocalPostgres server = await GetAsync();
        return await server.CreateDatabaseAsync($"shard_{Interlocked.Increment(ref _databases)}");
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        _starting.Dispose();
    }
}
