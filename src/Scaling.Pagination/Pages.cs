using System.Runtime.CompilerServices;

namespace Scaling.Pagination;

/// <summary>Walks a list page by page.</summary>
public static class Pages
{
    /// <summary>All pages from <paramref name="first"/> on; backwards when it is read from the end or before a cursor.</summary>
    /// <typeparam name="T">The row.</typeparam>
    /// <param name="first">Where to start; its size, scope and keys go for every page.</param>
    /// <param name="fetch">Reads one page, by SQL, LINQ, or a client's HTTP call.</param>
    /// <param name="cancellationToken">Stops between pages and is handed to <paramref name="fetch"/>.</param>
    /// <example><code>
    /// await foreach (Page&lt;User&gt; page in Pages.ReadAllAsync(new PageRequest(500), (request, ct) =&gt; dataSource.QueryPageAsync(sql, Newest, request, ReadUser, ct)))
    /// </code>
    /// For single rows: <c>.SelectMany(page =&gt; page.Items)</c>.</example>
    public static async IAsyncEnumerable<Page<T>> ReadAllAsync<T>(
        PageRequest first,
        Func<PageRequest, CancellationToken, Task<Page<T>>> fetch,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(fetch);
        PageRequest? request = first;
        while (request is not null)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Page<T> page = await fetch(request, cancellationToken).ConfigureAwait(false);
            yield return page;
            request = first.Following(page.Next, page.Previous);
        }
    }
}
