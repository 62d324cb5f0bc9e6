using System.Collections.Concurrent;
using System.Text;

namespace Scaling.Pagination.Internal;

/// <summary>Everything after the base query. It depends on the shape alone: direction, inclusive, which values are NULL, size and placeholders.</summary>
/// <remarks>
/// The limit is a literal: of a parameter Postgres assumes a tenth of the table, so a prepared statement's generic plan
/// looks dear to it and it plans every page anew.
/// </remarks>
internal sealed class SqlTails(SqlColumn[] columns)
{
    public const string Rows = "keyset_rows";
    private const int MaxCached = 1_000; // a caller may come with any size; beyond this the text is written each time

    private readonly ConcurrentDictionary<(ulong Shape, int Size, Placeholders Placeholders), string> _tails = new();

    /// <summary>The whole statement. NOT MATERIALIZED puts the base query in place, so that each segment seeks in its tables.</summary>
    public string Complete(string query, PageRequest request, KeyPosition? position, Placeholders placeholders) =>
        $"WITH {Rows} AS NOT MATERIALIZED (\n{query.AsSpan().Trim().TrimEnd(';')}\n)\n{Tail(request, position, placeholders)}";

    private string Tail(PageRequest request, KeyPosition? position, Placeholders placeholders)
    {
        ulong shape = request.Backward ? 1UL : 0;
        if (position is { } at)
        {
            shape |= 2 | (at.Inclusive ? 4UL : 0);
            for (int i = 0; i < columns.Length; i++)
            {
                shape |= at.Values[i] is null ? 8UL << i : 0;
            }
        }
        var key = (shape, request.Size, placeholders);
        if (_tails.TryGetValue(key, out string? tail))
        {
            return tail;
        }
        tail = Write(request.Backward, position, request.Size + 1, placeholders);
        if (_tails.Count < MaxCached)
        {
            _tails.TryAdd(key, tail);
        }
        return tail;
    }

    private string Write(bool backward, KeyPosition? start, int limit, Placeholders placeholders)
    {
        KeyOrder[] order = Array.ConvertAll(columns, column => column.Order.Facing(backward));
        string ordered = $" ORDER BY {string.Join(", ", columns.Select((column, i) => OrderTerm(column, order[i])))} LIMIT {limit}";
        if (start is not { } position)
        {
            return $"SELECT * FROM {Rows}{ordered}";
        }
        List<Segment> segments = Segments.After(order, position.IsNull, position.Inclusive, rowComparison: true);
        string[] values = Values(position, placeholders);
        IEnumerable<string> selects = segments.Select(segment => $"SELECT * FROM {Rows} WHERE {Where(segment, order, position, values)}{ordered}");
        return segments.Count == 1 ? selects.Single() : $"SELECT * FROM (\n({string.Join(")\nUNION ALL\n(", selects)})\n) AS {Rows}{ordered}";
    }

    private string Where(Segment segment, KeyOrder[] order, KeyPosition position, string[] values)
    {
        var where = new StringBuilder();
        for (int i = 0; i < segment.Start; i++)
        {
            where.Append(Column(i)).Append(position.Values[i] is null ? " IS NULL" : $" = {values[i]}").Append(" AND ");
        }
        string name = Column(segment.Start);
        return segment.Step switch
        {
            Step.IsNull => where.Append(name).Append(" IS NULL").ToString(),
            Step.IsNotNull => where.Append(name).Append(" IS NOT NULL").ToString(),
            _ => where.Append(Row(segment, Column)).Append(order[segment.Start].Descending ? " <" : " >")
                .Append(segment.Step == Step.PastOrAt ? "= " : " ").Append(Row(segment, i => values[i])).ToString(),
        };
    }

    private static string Row(Segment segment, Func<int, string> term)
    {
        string terms = string.Join(", ", Enumerable.Range(segment.Start, segment.End - segment.Start).Select(term));
        return segment.End - segment.Start > 1 ? $"({terms})" : terms;
    }

    private string Column(int i) => Identifier.Quote(columns[i].Name);

    private string[] Values(KeyPosition position, Placeholders placeholders)
    {
        var values = new string[columns.Length];
        for (int i = 0, parameter = 0; i < columns.Length; i++)
        {
            string placeholder = position.Values[i] is null ? "NULL" : placeholders.Text(i, parameter++);
            values[i] = columns[i].Type is { } type ? $"CAST({placeholder} AS {type})" : placeholder;
        }
        return values;
    }

    private static string OrderTerm(SqlColumn column, KeyOrder order) =>
        Identifier.Quote(column.Name)
        + (order.Descending ? " DESC" : "")
        + order.Nulls switch { Nulls.First => " NULLS FIRST", Nulls.Last => " NULLS LAST", _ => "" };
}
