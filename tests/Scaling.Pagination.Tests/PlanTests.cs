using System.Data.Common;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Npgsql;

namespace Scaling.Pagination.Tests;

/// <summary>Every shape of predicate seeks, mid-table in a million rows, by custom and by generic plan.</summary>
public sealed class PlanTests(PostgresServer postgres, BigTable table) : IClassFixture<BigTable>
{
    private const int PageSize = 50;
    private const string Everything = "select id, a, b, n from big";

    private static readonly Dictionary<string, (Keyset<BigRow> Keyset, string Query, BigRow At)> Shapes = new()
    {
        ["one column"] = (Keyset.For<BigRow>().Ascending(r => r.Id), Everything, Row(500_000)),
        ["one direction"] = (Keyset.For<BigRow>().Ascending(r => r.A).Ascending(r => r.B).Ascending(r => r.Id), Everything, Row(500_005)),
        ["one direction, down"] = (Keyset.For<BigRow>().Descending(r => r.A).Descending(r => r.B).Descending(r => r.Id), Everything, Row(500_005)),
        ["mixed directions"] = (Keyset.For<BigRow>().Ascending(r => r.A).Descending(r => r.B).Ascending(r => r.Id), Everything, Row(500_005)),
        ["nullable, at a value"] = (Keyset.For<BigRow>().Ascending(r => r.N, Nulls.Last).Ascending(r => r.Id), Everything, Row(500_005)),
        ["nullable, at the last value"] = (Keyset.For<BigRow>().Ascending(r => r.N, Nulls.Last).Ascending(r => r.Id), Everything, new BigRow { N = 4999, Id = 999_990 }),
        ["nullable, among the NULLs"] = (Keyset.For<BigRow>().Ascending(r => r.N, Nulls.Last).Ascending(r => r.Id), Everything, Row(600_000)),
        ["nullable, down"] = (Keyset.For<BigRow>().Descending(r => r.N, Nulls.First).Descending(r => r.Id), Everything, Row(500_005)),
        ["nullable in the middle"] = (Keyset.For<BigRow>().Ascending(r => r.A).Ascending(r => r.N, Nulls.Last).Ascending(r => r.Id), Everything, Row(500_005)),
        ["nullable in the middle, among the NULLs"] = (Keyset.For<BigRow>().Ascending(r => r.A).Ascending(r => r.N, Nulls.Last).Ascending(r => r.Id), Everything, Row(600_000)),
        ["filtered"] = (Keyset.For<BigRow>().Ascending(r => r.B).Ascending(r => r.Id), Everything + " where a = 5", Row(500_005)),
        // What LINQ cannot say: NULLS FIRST, and a join in the query's own text.
        ["SQL: NULLs first"] = (Keyset.For<BigRow>().Ascending(r => r.N, Nulls.First).Ascending(r => r.Id), Everything, Row(500_005)),
        ["SQL: NULLs first, among the NULLs"] = (Keyset.For<BigRow>().Ascending(r => r.N, Nulls.First).Ascending(r => r.Id), Everything, Row(600_000)),
        ["SQL: joined"] = (Keyset.For<BigRow>().Ascending(r => r.A).Descending(r => r.B).Ascending(r => r.Id), "select big.id, big.a, big.b, big.n, label from big join label using (a)", Row(500_005)),
    };

    public static TheoryData<string, bool> BySql => [.. Shapes.Keys.SelectMany(shape => new[] { (shape, false), (shape, true) })];

    public static TheoryData<string, bool> ByLinq => [.. Shapes.Keys.Where(shape => !shape.StartsWith("SQL", StringComparison.Ordinal)).SelectMany(shape => new[] { (shape, false), (shape, true) })];

    [Theory, MemberData(nameof(BySql))]
    public async Task Sql_seeks(string shape, bool backward)
    {
        (Keyset<BigRow> keyset, string query, BigRow at) = Shapes[shape];
        string cursor = keyset.CursorFor(at);
        KeysetSql sql = keyset.ToSql(query, backward ? PageRequest.Last(PageSize, cursor) : new PageRequest(PageSize, cursor));
        await AssertSeeksAsync(sql.Text, sql.Parameters);
    }

    [Theory, MemberData(nameof(BySql))]
    public async Task The_first_and_the_last_page_are_cheap(string shape, bool backward)
    {
        (Keyset<BigRow> keyset, string query, _) = Shapes[shape];
        KeysetSql sql = keyset.ToSql(query, new PageRequest(PageSize) { FromEnd = backward });
        await using NpgsqlConnection connection = await postgres.DataSource.OpenConnectionAsync();
        Plan plan = await Plan.ExplainAsync(connection, sql.Text, sql.Parameters, generic: false);
        Assert.True(plan is { Buffers: < 500, RowsFiltered: < 2 * PageSize }, plan.Text);
    }

    [Theory, MemberData(nameof(ByLinq))]
    public async Task Ef_Core_seeks(string shape, bool backward)
    {
        (Keyset<BigRow> keyset, _, BigRow at) = Shapes[shape];
        var capture = new Capture();
        await using var db = new BigContext(postgres.ConnectionString, capture);
        string cursor = keyset.CursorFor(at);
        IQueryable<BigRow> rows = shape == "filtered" ? db.Rows.Where(r => r.A == 5) : db.Rows;
        Page<BigRow> page = await rows.ToPageAsync(keyset, backward ? PageRequest.Last(PageSize, cursor) : new PageRequest(PageSize, cursor));
        Assert.Equal(PageSize, page.Items.Count);
        Assert.Contains(capture.Parameters, parameter => Equals(parameter.Value, at.Id));
        await AssertSeeksAsync(capture.Text, capture.Parameters);
    }

    [Fact]
    public async Task The_check_itself_refuses_what_other_libraries_generate()
    {
        NpgsqlParameter[] at = [new NpgsqlParameter<int>("a", 5), new NpgsqlParameter<int>("b", 500), new NpgsqlParameter<long>("id", 500_005)];
        await using NpgsqlConnection connection = await postgres.DataSource.OpenConnectionAsync();
        Plan plan = await Plan.ExplainAsync(connection, Everything + " where a > @a or (a = @a and b > @b) or (a = @a and b = @b and id > @id) order by a, b, id limit 51", at, generic: false);
        Assert.NotNull(plan.WhyItIsBad(PageSize));
    }

    /// <summary>Of a LIMIT it does not know Postgres assumes a tenth of the rows: the generic plan looks dear, and each execution is planned anew.</summary>
    [Theory]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public async Task A_prepared_page_keeps_its_plan_because_its_LIMIT_is_a_literal(bool limitAsParameter, bool keepsItsPlan)
    {
        Keyset<BigRow> keyset = Shapes["one direction"].Keyset;
        await using NpgsqlConnection connection = await postgres.DataSource.OpenConnectionAsync();
        KeysetSql sql = keyset.ToSql(Everything, new PageRequest(PageSize, keyset.CursorFor(Row(500_005))));
        await using var page = new NpgsqlCommand(limitAsParameter ? sql.Text.Replace("LIMIT 51", "LIMIT @limit", StringComparison.Ordinal) : sql.Text, connection);
        page.Parameters.AddRange(sql.Parameters.Append(new NpgsqlParameter<int>("limit", PageSize + 1)).Take(limitAsParameter ? 4 : 3).ToArray());
        await page.PrepareAsync();
        for (int i = 0; i < 10; i++)
        {
            await page.ExecuteNonQueryAsync();
        }
        await using var plans = new NpgsqlCommand("select sum(generic_plans) from pg_prepared_statements where statement like '%keyset_rows%' and statement not like '%pg_prepared%'", connection);
        Assert.Equal(keepsItsPlan, (decimal)(await plans.ExecuteScalarAsync())! > 0);
        await page.UnprepareAsync();
    }

    private async Task AssertSeeksAsync(string sql, IReadOnlyList<NpgsqlParameter> parameters)
    {
        Assert.NotNull(table);
        await using NpgsqlConnection connection = await postgres.DataSource.OpenConnectionAsync();
        foreach (bool generic in new[] { false, true })
        {
            Plan plan = await Plan.ExplainAsync(connection, sql, parameters, generic);
            Assert.True(plan.WhyItIsBad(PageSize) is null, $"{(generic ? "generic" : "custom")} plan: {plan.WhyItIsBad(PageSize)}\n{sql}\n{plan.Text}");
        }
    }

    private static BigRow Row(long id) => new() { Id = id, A = (int)(id % 10), B = (int)(id / 10 * 7919 % 1000), N = id % 12 == 0 ? null : (int)(id * 104729 % 5000) };

    /// <summary>Keeps the command that EF Core sent.</summary>
    internal sealed class Capture : DbCommandInterceptor
    {
        public string Text { get; private set; } = "";

        public IReadOnlyList<NpgsqlParameter> Parameters { get; private set; } = [];

        public override ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result, CancellationToken cancellationToken = default)
        {
            Text = command.CommandText;
            Parameters = [.. command.Parameters.Cast<NpgsqlParameter>().Select(parameter => parameter.Clone())];
            return ValueTask.FromResult(result);
        }
    }
}
