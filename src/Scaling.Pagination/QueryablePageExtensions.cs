using Scaling.Pagination.Internal;

namespace Scaling.Pagination;

/// <summary>Pages from any LINQ provider.</summary>
public static class QueryablePageExtensions
{
    /// <summary>Reads one page: EF Core's queries asynchronously, in-memory ones at once.</summary>
    /// <typeparam name="T">The row.</typeparam>
    /// <param name="rows">The list, filtered and joined as you like, not yet ordered.</param>
    /// <param name="keyset">The order; its columns given as expressions.</param>
    /// <param name="request">Which page.</param>
    /// <param name="cancellationToken">Cancels the query.</param>
    /// <remarks>
    /// Each index range becomes a query of its own, joined by Concat (UNION ALL), so that Postgres seeks in each. A
    /// provider is taken to order NULLs as Postgres does, after all values; with another database, keep key columns NOT NULL.
    /// </remarks>
    /// <exception cref="InvalidCursorException">The request's cursor cannot be used here; nothing was sent to the database.</exception>
    /// <exception cref="InvalidOperationException">The key turned out not to be unique, or a column was given as a delegate.</exception>
    public static async Task<Page<T>> ToPageAsync<T>(this IQueryable<T> rows, Keyset<T> keyset, PageRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(keyset);
        ArgumentNullException.ThrowIfNull(request);
        IQueryable<T> query = PageQuery.Build(rows, keyset, request, CursorCodec.Decode(keyset, request));
        long start = PaginationMetrics.Start();
        try
        {
            return PageAssembly.Assemble(keyset, request, await ReadAsync(query, cancellationToken).ConfigureAwait(false));
        }
        finally
        {
            PaginationMetrics.PageRead(start, "linq", request);
        }
    }

    private static async Task<List<T>> ReadAsync<T>(IQueryable<T> query, CancellationToken cancellationToken)
    {
        if (query is not IAsyncEnumerable<T> asynchronous)
        {
            return [.. query];
        }
        var items = new List<T>();
        await foreach (T item in asynchronous.WithCancellation(cancellationToken).ConfigureAwait(false))
        {
            items.Add(item);
        }
        return items;
    }
}
