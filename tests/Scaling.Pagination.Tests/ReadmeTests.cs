using Dapper;
using Npgsql;

namespace Scaling.Pagination.Tests;

/// <summary>The README's code, word for word.</summary>
public sealed class ReadmeTests(PostgresServer postgres)
{
    static readonly Keyset<User> Newest = Keyset.For<User>().Descending(u => u.CreatedAt).Ascending(u => u.Id);

    private static User ReadUser(NpgsqlDataReader reader) => User.Read(reader);

    [Fact]
    public async Task The_snippet_compiles_and_its_three_doors_agree()
    {
        NpgsqlDataSource dataSource = postgres.DataSource;
        await using var db = new UserContext(postgres.ConnectionString);
        CancellationToken ct = TestContext.Current.CancellationToken;
        string? cursor = Newest.CursorFor(await db.Users.FindAsync([500L], ct) ?? throw new InvalidOperationException());

        // Npgsql: any SELECT, seeks in the index of (created_at DESC, id)
        Page<User> page = await dataSource.QueryPageAsync("select id, name, email, created_at from users", Newest, new PageRequest(20, After: cursor), ReadUser, ct);

        // LINQ: EF Core, or a list in memory
        Page<User> same = await db.Users.ToPageAsync(Newest, new PageRequest(Size: 20, After: cursor), ct);

        // SQL for Dapper or by hand
        KeysetSql sql = Newest.ToSql("select id, name, email, created_at from users", new PageRequest(20, After: cursor));

        string? next = page.Next;   // opaque; null at the end

        await using NpgsqlConnection connection = await dataSource.OpenConnectionAsync(ct);
        DefaultTypeMap.MatchNamesWithUnderscores = true;
        IEnumerable<User> rows = await connection.QueryAsync<User>(sql.Text, sql.ToDictionary());
        Page<User> byDapper = Newest.ToPage(rows, new PageRequest(20, After: cursor));

        long[] expected = [501, 502, 503, .. Enumerable.Range(490, 7).Select(i => (long)i)];
        Assert.Equal(expected, page.Items.Take(10).Select(u => u.Id));
        Assert.Equal(20, page.Items.Count);
        Assert.Equal(page.Items.Select(u => u.Id), same.Items.Select(u => u.Id));
        Assert.Equal(page.Items.Select(u => u.Id), byDapper.Items.Select(u => u.Id));
        Assert.Equal(next, same.Next);
        Assert.Equal(next, byDapper.Next);
        Assert.Equal(page.Previous, same.Previous);
    }

    [Fact]
    public void The_README_holds_this_code()
    {
        string readme = File.ReadAllText(Path.Combine(Repository.Root, "src", "Scaling.Pagination", "README.md"));
        string test = File.ReadAllText(Path.Combine(Repository.Root, "tests", "Scaling.Pagination.Tests", "ReadmeTests.cs"));
        string snippet = readme.Split("```csharp\n")[1].Split("```")[0];
        foreach (string line in snippet.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            Assert.Contains(line, test, StringComparison.Ordinal);
        }
        Assert.True(readme.Split('\n').Length <= 61, "the README is longer than 60 lines");
    }
}
