using FsCheck;
using FsCheck.Fluent;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Scaling.Pagination.Tests;

/// <summary>
/// The oracle: crawling page by page, both ways, through cursors as text, gives what the database's own ORDER BY gives.
/// </summary>
public abstract class OracleProperties(PostgresServer postgres)
{
    private static int s_cases;

    protected PostgresServer Postgres { get; } = postgres;

    protected static void Check(Gen<OracleCase> cases, Func<OracleCase, int, Task> check, int count) =>
        Prop.ForAll(cases.ToArbitrary(), oracle => Task.Run(() => check(oracle, Interlocked.Increment(ref s_cases))).GetAwaiter().GetResult())
            .Check(Config.QuickThrowOnFailure.WithMaxTest(count).WithStartSize(1).WithEndSize(50));

    protected async Task<List<long>> InsertAsync(OracleCase oracle, int caseId)
    {
        await OracleRow.InsertAsync(Postgres.DataSource, oracle.MakeRows(caseId));
        await using NpgsqlCommand unpaged = Postgres.DataSource.CreateCommand($"select id from oracle where case_id = {caseId} order by {oracle.OrderBy}");
        var ids = new List<long>();
        await using NpgsqlDataReader reader = await unpaged.ExecuteReaderAsync();
        while (await reader.ReadAsync())
        {
            ids.Add(reader.GetInt64(0));
        }
        return ids;
    }

    protected static async Task CrawlBothWaysAsync(OracleCase oracle, List<long> expected, Func<Keyset<OracleRow>, PageRequest, Task<Page<OracleRow>>> fetch)
    {
        Keyset<OracleRow> keyset = oracle.Keyset;
        var forward = new List<long>();
        for (PageRequest? request = new(oracle.PageSize); request is not null;)
        {
            Page<OracleRow> page = await fetch(keyset, request);
            Assert.Equal(forward.Count > 0, page.HasPrevious);
            forward.AddRange(page.Items.Select(r => r.Id));
            Assert.Equal(forward.Count < expected.Count, page.HasNext);
            request = page.Next is null ? null : new PageRequest(oracle.PageSize, After: page.Next);
        }
        Assert.Equal(expected, forward);

        var backward = new List<long>();
        for (PageRequest? request = PageRequest.Last(oracle.PageSize); request is not null;)
        {
            Page<OracleRow> page = await fetch(keyset, request);
            Assert.Equal(backward.Count > 0, page.HasNext);
            backward.InsertRange(0, page.Items.Select(r => r.Id));
            Assert.Equal(backward.Count < expected.Count, page.HasPrevious);
            request = page.Previous is null ? null : new PageRequest(oracle.PageSize, Before: page.Previous);
        }
        Assert.Equal(expected, backward);
    }
}

public sealed class SqlOracleProperties(PostgresServer postgres) : OracleProperties(postgres)
{
    [Fact]
    public void Pages_by_SQL_equal_the_unpaged_order() => Check(OracleCase.Any, async (oracle, caseId) =>
    {
        List<long> expected = await InsertAsync(oracle, caseId);
        await CrawlBothWaysAsync(oracle, expected, async (keyset, request) =>
        {
            await using NpgsqlCommand command = Postgres.DataSource.CreateCommand("select * from oracle where case_id = @case -- composed\n;");
            command.Parameters.Add(new NpgsqlParameter<int>("case", caseId));
            return await command.QueryPageAsync(keyset, request, OracleRow.Read);
        });
    }, count: 2000);
}

public sealed class EfCoreOracleProperties(PostgresServer postgres) : OracleProperties(postgres)
{
    [Fact]
    public void Pages_by_EF_Core_equal_the_unpaged_order() => Check(OracleCase.OfPool, async (oracle, caseId) =>
    {
        List<long> expected = await InsertAsync(oracle, caseId);
        await using var db = new OracleContext(Postgres.ConnectionString);
        await CrawlBothWaysAsync(oracle, expected, (keyset, request) => db.Rows.AsNoTracking().Where(r => r.CaseId == caseId).ToPageAsync(keyset, request));
    }, count: 2000);
}

public sealed class InMemoryOracleProperties(PostgresServer postgres) : OracleProperties(postgres)
{
    [Fact]
    public void Pages_of_a_list_in_memory_equal_the_unpaged_order() => Check(OracleCase.Any, async (oracle, caseId) =>
    {
        OracleRow[] rows = oracle.MakeRows(caseId);
        IOrderedEnumerable<OracleRow> ordered = rows.Order(Comparer<OracleRow>.Create((_, _) => 0));
        foreach (OracleColumn column in oracle.Columns)
        {
            System.Reflection.PropertyInfo property = typeof(OracleRow).GetProperties().Single(p => Internal.Identifier.SnakeCase(p.Name) == column.Name);
            ordered = ordered.ThenBy(r => property.GetValue(r) is null == (column.Nulls == Nulls.Last));
            ordered = column.Descending ? ordered.ThenByDescending(property.GetValue) : ordered.ThenBy(property.GetValue);
        }
        ordered = oracle.IdDescending ? ordered.ThenByDescending(r => r.Id) : ordered.ThenBy(r => r.Id);
        await CrawlBothWaysAsync(oracle, [.. ordered.Select(r => r.Id)], (keyset, request) => rows.AsQueryable().ToPageAsync(keyset, request));
    }, count: 500);
}
