using LocalServices;
using Npgsql;
using TierDemo.Seed;
using TierDemo.Servers;

namespace TierDemo.Tests;

public class SeederTests
{
    [Fact]
    public async Task A_users_table_of_somebody_else_is_never_replaced_but_our_own_is()
    {
        await using LocalPostgres postgres = await LocalPostgres.StartAsync();
        string theirs = await postgres.CreateDatabaseAsync("theirs");
        await using var source = NpgsqlDataSource.Create(theirs);
        await using (NpgsqlCommand create = source.CreateCommand("CREATE TABLE users (mine text); INSERT INTO users VALUES ('kept')"))
        {
            await create.ExecuteNonQueryAsync();
        }

        await Assert.ThrowsAsync<InvalidOperationException>(() => SeedAsync(theirs));
        await using (NpgsqlCommand read = source.CreateCommand("SELECT mine FROM users"))
        {
            Assert.Equal("kept", await read.ExecuteScalarAsync());
        }

        string ours = await postgres.CreateDatabaseAsync("ours");
        Assert.Equal(10, (await SeedAsync(ours)).Rows);
        Assert.Equal(10, (await SeedAsync(ours)).Rows);
    }

    private static Task<SeedResult> SeedAsync(string connectionString) =>
        Seeder.SeedAsync(new BackendSettings { Primary = connectionString }, 1, 10, _ => { }, CancellationToken.None);
}
