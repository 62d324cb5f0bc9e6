namespace Scaling.Pagination;

/// <summary>A page in the shape of GraphQL's Relay cursor connections: edges and page info. Made by <see cref="Page{T}.ToConnection"/>.</summary>
/// <typeparam name="T">The node.</typeparam>
public sealed class Connection<T>
{
    internal Connection(Page<T> page)
    {
        Edges = [.. page.Items.Select((item, i) => new Edge<T>(item, page.CursorAt(i)))];
        PageInfo = new PageInfo(page.HasNext, page.HasPrevious, Edges is [var first, ..] ? first.Cursor : null, Edges is [.., var last] ? last.Cursor : null);
    }

    /// <summary>The rows, each with its cursor.</summary>
    public IReadOnlyList<Edge<T>> Edges { get; }

    /// <summary>What lies beside them.</summary>
    public PageInfo PageInfo { get; }
}

/// <summary>A row and its cursor.</summary>
/// <typeparam name="T">The node.</typeparam>
public sealed class Edge<T>
{
    internal Edge(T node, string cursor) => (Node, Cursor) = (node, cursor);

    /// <summary>The row.</summary>
    public T Node { get; }

    /// <summary>Its cursor, for After and Before.</summary>
    public string Cursor { get; }
}

/// <summary>Relay's PageInfo.</summary>
public sealed class PageInfo
{
    internal PageInfo(bool hasNextPage, bool hasPreviousPage, string? startCursor, string? endCursor) =>
        (HasNextPage, HasPreviousPage, StartCursor, EndCursor) = (hasNextPage, hasPreviousPage, startCursor, endCursor);

    /// <summary>Whether rows follow the last edge.</summary>
    public bool HasNextPage { get; }

    /// <summary>Whether rows precede the first edge.</summary>
    public bool HasPreviousPage { get; }

    /// <summary>The first edge's cursor; null when there is none.</summary>
    public string? StartCursor { get; }

    /// <summary>The last edge's cursor; null when there is none.</summary>
    public string? EndCursor { get; }
}
