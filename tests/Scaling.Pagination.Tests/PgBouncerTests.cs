using LocalServices;
using Npgsql;

namespace Scaling.Pagination.Tests;

public sealed class PgBouncerTests(PostgresServer postgres)
{
    [Fact]
    public async Task Pages_come_through_PgBouncer_in_transaction_mode()
    {
        await using LocalPgBouncer bouncer = await LocalPgBouncer.StartAsync(new Dictionary<string, string> { ["postgres"] = postgres.ConnectionString }, poolSize: 2);
        await using NpgsqlDataSource source = NpgsqlDataSource.Create(bouncer.ConnectionStringFor("postgres"));
        Keyset<User> keyset = Keyset.For<User>().Ascending(u => u.Id);
        Page<User>[] pages = await Task.WhenAll(Enumerable.Range(0, 40).Select(i =>
            source.QueryPageAsync("select id, name, email, created_at from users", keyset, new PageRequest(20, keyset.CursorFor(new User { Id = i * 20 })), User.Read)));
        Assert.Equal(Enumerable.Range(1, 800).Select(i => (long)i), pages.SelectMany(page => page.Items).Select(user => user.Id));
    }
}
