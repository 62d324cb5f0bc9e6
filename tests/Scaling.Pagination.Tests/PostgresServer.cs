using LocalServices;
using Npgsql;
using Scaling.Pagination.Tests;

[assembly: AssemblyFixture(typeof(PostgresServer))]

namespace Scaling.Pagination.Tests;

/// <summary>One real Postgres for the whole run.</summary>
public sealed class PostgresServer : IAsyncLifetime
{
    private LocalPostgres? _postgres;
    private NpgsqlDataSource? _dataSource;

    public NpgsqlDataSource DataSource => _dataSource ?? throw new InvalidOperationException("Not started.");

    public string ConnectionString => _postgres!.ConnectionString;

    public async ValueTask InitializeAsync()
    {
        _postgres = await LocalPostgres.StartAsync();
        _dataSource = NpgsqlDataSource.Create(_postgres.ConnectionString);
        await ExecuteAsync(
            """
            create table users (id bigint primary key, name text not null, email text not null, created_at timestamptz not null);
            insert into users select i, 'user ' || i, 'u' || i || '@example.org', timestamptz '2026-01-01' + (i / 7) * interval '1 microsecond' from generate_series(1, 1000) i;
            create index on users (created_at desc, id);
            """);
        await ExecuteAsync(OracleRow.Table);
    }

    public async Task ExecuteAsync(string sql)
    {
        await using NpgsqlCommand command = DataSource.CreateCommand(sql);
        command.CommandTimeout = 120;
        await command.ExecuteNonQueryAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_dataSource is not null)
        {
            await _dataSource.DisposeAsync();
        }
        if (_postgres is not null)
        {
            await _postgres.DisposeAsync();
        }
    }
}
