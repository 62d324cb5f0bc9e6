using System.Text.Json;
using Npgsql;

namespace Scaling.Pagination;

/// <summary>How many rows a list has: asked apart from its pages, because an exact answer reads every row.</summary>
public static class NpgsqlCountExtensions
{
    /// <summary>The number of rows, up to <paramref name="cap"/>: what shows "1,000+" without reading a million.</summary>
    /// <param name="dataSource">Where to count.</param>
    /// <param name="query">Any SELECT.</param>
    /// <param name="cap">Stop counting here. Default: never; the count is exact and costs as much as reading the list.</param>
    /// <param name="cancellationToken">Cancels the query.</param>
    /// <returns>The exact number when it is below the cap, otherwise the cap.</returns>
    public static async Task<long> CountRowsAsync(this NpgsqlDataSource dataSource, string query, long cap = long.MaxValue, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(cap, 1);
        NpgsqlCommand command = Command(dataSource, $"SELECT count(*) FROM (SELECT 1 FROM (\n{Trimmed(query)}\n) AS list{(cap == long.MaxValue ? "" : " LIMIT @cap")}) AS counted");
        await using (command.ConfigureAwait(false))
        {
            if (cap != long.MaxValue)
            {
                command.Parameters.Add(new NpgsqlParameter<long>("cap", cap));
            }
            return (long)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
        }
    }

    /// <summary>The planner's guess from its statistics, at the price of planning; often within some percent for a table, far off for a filter it knows little of.</summary>
    /// <param name="dataSource">Where to ask.</param>
    /// <param name="query">Any SELECT.</param>
    /// <param name="cancellationToken">Cancels the query.</param>
    public static async Task<long> EstimateRowsAsync(this NpgsqlDataSource dataSource, string query, CancellationToken cancellationToken = default)
    {
        NpgsqlCommand command = Command(dataSource, $"EXPLAIN (FORMAT JSON) {Trimmed(query)}");
        await using (command.ConfigureAwait(false))
        {
            var plan = (string)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
            using JsonDocument json = JsonDocument.Parse(plan);
            return json.RootElement[0].GetProperty("Plan").GetProperty("Plan Rows").GetInt64();
        }
    }

    private static NpgsqlCommand Command(NpgsqlDataSource dataSource, string sql)
    {
        ArgumentNullException.ThrowIfNull(dataSource);
        return dataSource.CreateCommand(sql);
    }

    private static string Trimmed(string query)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(query);
        return query.Trim().TrimEnd(';');
    }
}
