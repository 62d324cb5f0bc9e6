using System.Globalization;
using Npgsql;
using Scaling.Pagination;

namespace Scaling.Benchmarks;

/// <summary>
/// What a page of mixed directions could look like in SQL, deep in ten million rows: ours, what was tried instead of it, and LIMIT as a parameter.
/// </summary>
internal sealed class PaginationShapes : IMacro
{
    private const string All = PaginationTable.All;
    private const string Sorted = "order by created_at desc, id";
    private const string Tail = $"{Sorted} limit 21";
    private static readonly Keyset<Post> Newest = Keyset.For<Post>().Descending(p => p.CreatedAt).Ascending(p => p.Id);

    public string Name => "pagination-shapes";

    public async Task RunAsync()
    {
        await using PaginationTable table = await PaginationTable.CreateAsync();
        Post at = (await table.ReadAsync($"{All} {Tail} offset 9900000"))[0];
        var request = new PageRequest(20, Newest.CursorFor(at));
        NpgsqlParameter[] At() => [new NpgsqlParameter<DateTime> { TypedValue = at.CreatedAt }, new NpgsqlParameter<long> { TypedValue = at.Id }];
        PaginationWay Way(string how, string sql, bool limited = false)
        {
            NpgsqlParameter[] Parameters() => limited ? [.. At(), new NpgsqlParameter<int> { TypedValue = 21 }] : At();
            return new(how, () => table.ReadAsync(sql, Parameters()), sql, Parameters());
        }
        static string Ranges(string limit, string outer, string ties = "created_at = $1") =>
            $"select * from (({All} where {ties} and id > $2 {Sorted} {limit}) union all ({All} where created_at < $1 {Sorted} {limit})) p {outer}";
        KeysetSql ours = Newest.ToSql(All, request);
        PaginationWay[] ways =
        [
            new("first page", () => table.ReadAsync($"{All} {Tail}"), $"{All} {Tail}", []),
            new("ours", () => table.Source.QueryPageAsync(All, Newest, request, Post.Read), ours.Text, ours.Parameters),
            Way("the same by hand", Ranges("limit 21", Tail)),
            Way("without the outer ORDER BY", Ranges("limit 21", "limit 21")),
            Way("ties by = ANY", Ranges("limit 21", Tail, "created_at = any(array[$1])")),
            Way("one range, ties filtered", $"{All} where created_at <= $1 and (created_at < $1 or id > $2) {Tail}"),
            Way("without the inner LIMITs", $"select * from ({All} where created_at = $1 and id > $2 union all {All} where created_at < $1) p {Tail}"),
            Way("by hand, LIMIT $3", Ranges("limit $3", $"{Sorted} limit $3"), limited: true),
        ];
        await PaginationRun.MeasureAsync(table, ways, rounds: 300);
        Console.WriteLine("| shape | ms | × first page | client + server CPU µs | server CPU × first page | buffers | planned anew |\n|---|--:|--:|--:|--:|--:|--:|");
        foreach (PaginationWay way in ways)
        {
            long buffers = await table.BuffersAsync(way.Sql, way.Parameters);
            string planned = await PlannedAnewAsync(table, way == ways[1] ? "%keyset_rows%" : way.Sql);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {way.How} | {way.Median(s => s.Ms):0.000} | {way.Ratio(ways[0], s => s.Ms)} | {way.Median(s => s.ClientCpu):0} + {way.Median(s => s.ServerCpu):0} | {way.Ratio(ways[0], s => s.ServerCpu)} | {buffers:N0} | {planned} |"));
        }
    }

    /// <summary>How often the server planned the prepared statement for the values at hand instead of keeping one plan.</summary>
    private static async Task<string> PlannedAnewAsync(PaginationTable table, string sql)
    {
        await using NpgsqlCommand command = table.Source.CreateCommand("select sum(custom_plans), sum(generic_plans + custom_plans) from pg_prepared_statements where statement = $1 or (statement like $1 and $1 like '\\%%')");
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = sql });
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync();
        return await reader.ReadAsync() && !reader.IsDBNull(0) ? $"{reader.GetDecimal(0)} of {reader.GetDecimal(1)}" : "not prepared";
    }
}
