using LocalServices;
using Npgsql;

[assembly: AssemblyFixture(typeof(Scaling.Batching.Tests.PostgresServer))]

namespace Scaling.Batching.Tests;

/// <summary>One real PostgreSQL for the whole assembly. Each test makes a table of its own.</summary>
public sealed class PostgresServer : IAsyncLifetime
{
    private LocalPostgres _server = null!;
    private int _tables;

    public NpgsqlDataSource DataSource { get; private set; } = null!;

    public string ConnectionString => _server.ConnectionString;

    public async ValueTask InitializeAsync()
    {
        _server = await LocalPostgres.StartAsync();
        DataSource = NpgsqlDataSource.Create(_server.ConnectionString + ";Include Error Detail=true");
    }

    public async ValueTask DisposeAsync()
    {
        await DataSource.DisposeAsync();
        await _server.DisposeAsync();
    }

    /// <summary>Makes a table and returns its name.</summary>
    public async Task<string> TableAsync(string columns)
    {
        string name = $"t{Interlocked.Increment(ref _tables)}";
        await ExecuteAsync($"create table {name} ({columns})");
        return name;
    }

    public async Task ExecuteAsync(string sql)
    {
        await using NpgsqlCommand command = DataSource.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    public async Task<T> ReadAsync<T>(string sql)
    {
        await using NpgsqlCommand command = DataSource.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    public async Task<List<T>> ListAsync<T>(string sql)
    {
        await using NpgsqlCommand command = DataSource.CreateCommand(sql);
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync();
        var list = new List<T>();
        while (await reader.ReadAsync())
        {
            list.Add(reader.GetFieldValue<T>(0));
        }

        return list;
    }
}
