namespace Scaling.Batching.Internal;

/// <summary>The statements of one insert. Pure text from the shape and the columns' types; the number of rows does not change it.</summary>
internal sealed class InsertSql
{
    /// <summary>Inserts; with a key and a returned column it answers (ordinal, value), with a returned column alone (value).</summary>
    public string Insert { get; }

    /// <summary>Looks up rows that existed before: parameters are the key's arrays, the answer is (ordinal, value).</summary>
    public string? Lookup { get; }

    /// <summary>Starts a binary COPY.</summary>
    public string Copy { get; }

    private InsertSql(string insert, string? lookup, string copy) => (Insert, Lookup, Copy) = (insert, lookup, copy);

    public static InsertSql For<T>(InsertShape<T> shape, IReadOnlyList<ColumnType> columnTypes)
    {
        string[] names = [.. shape.Columns.Select(column => column.Quoted)];
        string[] values = [.. names.Select((_, i) => $"c{i}")];
        string columns = List(names);
        string[] types = [.. columnTypes.Select(type => type.IsArray ? "text" : type.Sql)];
        string selected = List(values.Select((value, i) => columnTypes[i].IsArray ? $"{value}::{columnTypes[i].Sql}" : value));
        string copy = $"COPY {shape.Table} ({columns}) FROM STDIN (FORMAT BINARY)";
        string input = $"unnest({List(types.Select((type, i) => $"${i + 1}::{type}[]"))}) WITH ORDINALITY AS input({List(values)}, ord)";
        string into = $"INSERT INTO {shape.Table} ({columns})";
        if (shape.Key.Length == 0)
        {
            return new(
                shape.Returned is null
                    ? $"{into} SELECT {selected} FROM {input}"
                    : $"{into} SELECT {selected} FROM {input} ORDER BY ord RETURNING {shape.Returned}",
                null,
                copy);
        }

        // One row per key (the last for an update, the first otherwise), in the order of the keys: no row is touched twice, and
        // two batches lock the rows they share in the same order.
        string key = List(shape.Key.Select(i => values[i]));
        string select = $"SELECT DISTINCT ON ({key}) {selected} FROM {{0}} ORDER BY {key}, ord{(shape.UpdatesOnConflict ? " DESC" : "")}";
        string conflict = $"ON CONFLICT ({List(shape.Key.Select(i => names[i]))}) DO " + (shape.UpdatesOnConflict
            ? $"UPDATE SET {List(names.Where((_, i) => !shape.Key.Contains(i)).Select(name => $"{name} = excluded.{name}"))}"
            : "NOTHING");
        if (shape.Returned is null)
        {
            return new($"{into} {string.Format(null, select, input)} {conflict}", null, copy);
        }

        string returned = List(shape.Key.Select((i, k) => $"{names[i]} AS k{k}"));
        string match = string.Join(" AND ", shape.Key.Select((i, k) => $"written.k{k} = input.c{i}"));
        string found = string.Join(" AND ", shape.Key.Select((i, k) => $"existing.{names[i]} = input.k{k}"));
        string keys = List(shape.Key.Select((i, k) => $"${k + 1}::{types[i]}[]"));
        return new(
            $"WITH input AS MATERIALIZED (SELECT * FROM {input}), written AS ({into} {string.Format(null, select, "input")} {conflict} RETURNING {returned}, {shape.Returned} AS result) SELECT input.ord, written.result FROM input JOIN written ON {match}",
            $"SELECT input.ord, existing.{shape.Returned} FROM unnest({keys}) WITH ORDINALITY AS input({List(shape.Key.Select((_, k) => $"k{k}"))}, ord) JOIN {shape.Table} AS existing ON {found}",
            copy);
    }

    private static string List(IEnumerable<string> parts) => string.Join(", ", parts);
}
