namespace Scaling.Pagination.Internal;

/// <summary>Turns size + 1 rows, in the order they were read, into a page in the order of the keyset. Pure.</summary>
internal static class PageAssembly
{
    public static Page<T> Assemble<T>(Keyset<T> keyset, PageRequest request, List<T> rows)
    {
        bool more = rows.Count > request.Size;
        if (rows.Count > request.Size + 1)
        {
            throw new ArgumentException($"{rows.Count} rows for a page of {request.Size}: at most one more than the page was asked for.", nameof(rows));
        }
        if (more)
        {
            EnsureTotalOrder(keyset, rows[^2], rows[^1]);
            rows.RemoveAt(rows.Count - 1);
        }
        bool cameFromCursor = request.Cursor is not null;
        if (request.Backward)
        {
            rows.Reverse();
        }
        string CursorAt(int index) => CursorCodec.Encode(keyset, rows[index], request.Scope, request.Keys, inclusive: false);
        if (rows.Count == 0)
        {
            return cameFromCursor ? Empty(keyset, request) : new Page<T>([], null, null, CursorAt);
        }
        bool hasNext = request.Backward ? cameFromCursor : more;
        bool hasPrevious = request.Backward ? more : cameFromCursor;
        return new Page<T>(rows, hasNext ? CursorAt(rows.Count - 1) : null, hasPrevious ? CursorAt(0) : null, CursorAt);
    }

    // Past either end, the way back leads over the cursor's own row, which the exclusive cursor would leave out.
    private static Page<T> Empty<T>(Keyset<T> keyset, PageRequest request)
    {
        string back = CursorCodec.Encode(keyset, CursorCodec.Decode(keyset, request)!.Value, request.Scope, request.Keys, inclusive: true);
        static string NoRow(int index) => throw new ArgumentOutOfRangeException(nameof(index), index, "The page is empty.");
        return request.Backward ? new Page<T>([], back, null, NoRow) : new Page<T>([], null, back, NoRow);
    }

    // The two rows around the page's edge: where they tie, the next page would lose the second.
    private static void EnsureTotalOrder<T>(Keyset<T> keyset, T last, T beyond)
    {
        if (CursorCodec.SameKey(keyset, last, beyond))
        {
            string columns = string.Join(", ", keyset.Columns.Select(column => column.Name));
            throw new InvalidOperationException($"Two rows have the same key ({columns}), so one of them would be lost between two pages: add a unique column to the keyset.");
        }
    }
}
