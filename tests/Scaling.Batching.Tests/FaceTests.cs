using Npgsql;

namespace Scaling.Batching.Tests;

/// <summary>The README's snippet, verbatim.</summary>
public class FaceTests(PostgresServer postgres)
{
    private sealed record NewUser(string Name, string Email);

    [Fact]
    public async Task The_snippet_of_the_readme_works()
    {
        await postgres.ExecuteAsync("create table users (id bigint generated always as identity primary key, name text not null, email text not null unique)");
        NpgsqlDataSource dataSource = postgres.DataSource;
        CancellationToken cancellationToken = TestContext.Current.CancellationToken;

        // <readme>
        var insert = new PostgresInsert<NewUser>("users")
            .Column("name", u => u.Name)
            .Column("email", u => u.Email)
            .Returning<long>("id");

        await using var writer = new WriteBatcher<NewUser, long>(
            (users, ct) => insert.ExecuteAsync(dataSource, users, ct),
            new WriteBatcherOptions { MaxBatchSize = 100, MaxDelay = TimeSpan.FromMilliseconds(50) });

        long id = await writer.WriteAsync(new NewUser("Ada", "ada@example.org"), cancellationToken);   // committed
        // </readme>

        Assert.Equal("Ada", await postgres.ReadAsync<string>($"select name from users where id = {id}"));
    }
}
