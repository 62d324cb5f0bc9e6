using System.Globalization;
using TierDemo.Users;

namespace TierDemo.Serve;

/// <summary>The query string of a list: a page number (OFFSET), or a cursor (keyset), or neither.</summary>
internal sealed record ListQuery(int? Page, string? Cursor, int Limit)
{
    private const int DefaultLimit = 20;
    private const int MaxLimit = 100;
    private const long MaxOffset = 10_000_000;

    public static ListQuery Parse(IQueryCollection query)
    {
        int limit = Number(query, "limit", MaxLimit) ?? DefaultLimit;
        int? page = Number(query, "page", int.MaxValue);
        string? cursor = Single(query, "cursor");
        if (page is not null && cursor is not null)
        {
            throw new ProblemException(400, "Two ways at once", "Send either 'page' or 'cursor', not both.");
        }

        if ((page - 1L) * limit > MaxOffset)
        {
            throw new ProblemException(400, "Too deep for page numbers", $"page × limit may be {MaxOffset:N0} at most: follow 'nextCursor' instead.");
        }

        return new ListQuery(page, cursor is null ? null : ToCursor(cursor), limit);
    }

    // The guide's bare number means "after this id"; ours are opaque. A cursor that is neither is refused when the page is read.
    private static string ToCursor(string cursor) =>
        long.TryParse(cursor, NumberStyles.None, CultureInfo.InvariantCulture, out long id) ? UserSql.CursorAfter(id) : cursor;

    private static int? Number(IQueryCollection query, string name, int largest)
    {
        string? text = Single(query, name);
        if (text is null)
        {
            return null;
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= 1 && number <= largest
            ? number
            : throw new ProblemException(400, $"Bad {name}", $"'{name}={Problems.Shown(text)}' will not do: send a whole number from 1 to {largest:N0}.");
    }

    private static string? Single(IQueryCollection query, string name) => query[name] switch
    {
        { Count: 0 } => null,
        { Count: 1 } values => values[0],
        _ => throw new ProblemException(400, $"Repeated {name}", $"'{name}' stands in the URL more than once: send it once."),
    };
}
