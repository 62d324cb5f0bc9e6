using System.Text.Json;
using Npgsql;

namespace Scaling.Pagination.Tests;

/// <summary>What EXPLAIN (ANALYZE, BUFFERS) says of a page's query.</summary>
public sealed record Plan(IReadOnlyList<JsonElement> Scans, long RowsFiltered, long Buffers, string Text)
{
    public static async Task<Plan> ExplainAsync(NpgsqlConnection connection, string sql, IEnumerable<NpgsqlParameter> parameters, bool generic)
    {
        await ExecuteAsync(connection, $"set plan_cache_mode = {(generic ? "force_generic_plan" : "force_custom_plan")}; set jit = off");
        await using var command = new NpgsqlCommand($"explain (analyze, buffers, format json) {sql}", connection);
        foreach (NpgsqlParameter parameter in parameters)
        {
            command.Parameters.Add(parameter.Clone());
        }
        var text = (string)(await command.ExecuteScalarAsync())!;
        JsonElement root = JsonDocument.Parse(text).RootElement[0].GetProperty("Plan");
        List<JsonElement> nodes = [.. Nodes(root)];
        return new Plan(
            [.. nodes.Where(IsScanOfBig)],
            nodes.Sum(node => node.TryGetProperty("Rows Removed by Filter", out JsonElement removed) ? removed.GetInt64() : 0),
            root.GetProperty("Shared Hit Blocks").GetInt64() + root.GetProperty("Shared Read Blocks").GetInt64(),
            text);
    }

    /// <summary>Every range is sought in an index, nothing much is read in vain, and the page is cheap.</summary>
    public string? WhyItIsBad(int pageSize) =>
        Scans.Count == 0 ? "no scan of the table"
        : Scans.Any(scan => !scan.TryGetProperty("Index Cond", out _)) ? "a segment without Index Cond"
        : RowsFiltered >= 2 * pageSize ? $"{RowsFiltered} rows filtered"
        : Buffers >= 500 ? $"{Buffers} buffers"
        : null;

    // A bitmap's heap scan only fetches what its index scan below found.
    private static bool IsScanOfBig(JsonElement node) => node.GetProperty("Node Type").GetString() switch
    {
        "Bitmap Heap Scan" => false,
        "Bitmap Index Scan" => true,
        _ => node.TryGetProperty("Relation Name", out JsonElement relation) && relation.GetString() == "big",
    };

    private static IEnumerable<JsonElement> Nodes(JsonElement node) =>
        node.TryGetProperty("Plans", out JsonElement children) ? children.EnumerateArray().SelectMany(Nodes).Prepend(node) : [node];

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
