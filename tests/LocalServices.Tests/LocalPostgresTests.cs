using LocalServices;
using Npgsql;

namespace LocalServicesTests;

public class LocalPostgresTests
{
    [Fact]
    public async Task A_standby_streams_and_a_killed_primary_comes_back_with_its_data()
    {
        await using LocalPostgres primary = await LocalPostgres.StartAsync();
        string users = await primary.CreateDatabaseAsync("users");
        await RunAsync(users, "create table t (id int); insert into t values (7)");
        await using LocalPostgres standby = await primary.StartStandbyAsync();
        await RunAsync(users, "insert into t values (8)");

        await Eventually.HoldsAsync(async () => await ReadAsync(standby.ConnectionStringFor("users"), "select sum(id)::int from t") == 15);
        Assert.True(await ReadAsync(standby.ConnectionString, "select pg_is_in_recovery()::int") == 1);

        await primary.KillAsync();
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => ReadAsync(users, "select 1"));
        await primary.RestartAsync();
        Assert.Equal(15, await ReadAsync(users, "select sum(id)::int from t"));
    }

    [Fact]
    public async Task A_paused_server_answers_nothing_until_it_is_resumed()
    {
        await using LocalPostgres server = await LocalPostgres.StartAsync();
        await using var connection = new NpgsqlConnection(server.ConnectionString + ";Pooling=false");
        await connection.OpenAsync();
        await using NpgsqlCommand command = new("select 42", connection);

        server.Pause();
        Task<object?> answer = command.ExecuteScalarAsync();
        await using var other = new NpgsqlConnection(server.ConnectionString + ";Pooling=false;Timeout=1");
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => other.OpenAsync());
        Assert.False(answer.IsCompleted);

        server.Resume();
        Assert.Equal(42, await answer);
    }

    [Fact]
    public async Task PgBouncer_leads_each_name_to_its_database()
    {
        await using LocalPostgres server = await LocalPostgres.StartAsync();
        string left = await server.CreateDatabaseAsync("left");
        string right = await server.CreateDatabaseAsync("right");
        await using LocalPgBouncer bouncer = await LocalPgBouncer.StartAsync(new Dictionary<string, string> { ["a"] = left, ["b"] = right });

        Assert.Equal("left", await NameAsync(bouncer.ConnectionStringFor("a")));
        Assert.Equal("right", await NameAsync(bouncer.ConnectionStringFor("b")));
    }

    private static async Task RunAsync(string connectionString, string sql)
    {
        await using var source = NpgsqlDataSource.Create(connectionString + ";Pooling=false");
        await using NpgsqlCommand command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    private static async Task<int> ReadAsync(string connectionString, string sql)
    {
        await using var source = NpgsqlDataSource.Create(connectionString + ";Pooling=false");
        await using NpgsqlCommand command = source.CreateCommand(sql);
        return (int)(await command.ExecuteScalarAsync() ?? 0);
    }

    private static async Task<string?> NameAsync(string connectionString)
    {
        await using var source = NpgsqlDataSource.Create(connectionString + ";Pooling=false");
        await using NpgsqlCommand command = source.CreateCommand("select current_database()::text");
        return (string?)await command.ExecuteScalarAsync();
    }
}
