using Scaling.Pagination.Internal;

namespace Scaling.Pagination;

/// <summary>Starts a keyset: the columns that order a list, ending in one that is unique.</summary>
/// <example><code>
/// static readonly Keyset&lt;User&gt; Newest = Keyset.For&lt;User&gt;().Descending(u =&gt; u.CreatedAt).Ascending(u =&gt; u.Id);
/// </code></example>
public static class Keyset
{
    /// <summary>An empty keyset of rows of type <typeparamref name="T"/>; add its columns.</summary>
    /// <typeparam name="T">The row.</typeparam>
    public static KeysetBuilder<T> For<T>() => new([], declaredUnique: false);
}

/// <summary>A total order over a list, which a page and its cursors are made from. Immutable and thread-safe: keep it in a static field.</summary>
/// <typeparam name="T">The row.</typeparam>
/// <remarks>
/// A page is found by seeking in an index, at the same price at any depth (Markus Winand's seek method). The index must
/// hold the columns in this order and these directions, or all of them reversed.
/// </remarks>
public sealed class Keyset<T>
{
    private readonly SqlTails _tails;

    internal Keyset(KeyColumn<T>[] columns)
    {
        Columns = columns;
        Order = Array.ConvertAll(columns, column => column.Order);
        Fingerprint = CursorFormat.FingerprintOf(columns.Select(column => column.Description));
        CastsText = columns.Any(column => column.Sql.Type is not null);
        _tails = new SqlTails(Array.ConvertAll(columns, column => column.Sql));
    }

    internal KeyColumn<T>[] Columns { get; }

    internal KeyOrder[] Order { get; }

    internal ulong Fingerprint { get; }

    internal bool CastsText { get; }

    /// <summary>The SQL of one page of <paramref name="query"/>, for Npgsql, Dapper or any other door to Postgres.</summary>
    /// <param name="query">
    /// Any SELECT that returns the key columns: joins and filters included, without ORDER BY and LIMIT. Its own parameters
    /// must be named (<c>@tenant</c>).
    /// </param>
    /// <param name="request">Which page.</param>
    /// <returns>A query for one row more than the page has; hand its rows to <see cref="ToPage"/>.</returns>
    /// <exception cref="InvalidCursorException">The request's cursor cannot be used here.</exception>
    public KeysetSql ToSql(string query, PageRequest request) => SqlWith(Placeholders.Named, query, request);

    internal KeysetSql SqlWith(Placeholders placeholders, string query, PageRequest request)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(query);
        ArgumentNullException.ThrowIfNull(request);
        KeyPosition? position = CursorCodec.Decode(this, request);
        return new KeysetSql(_tails.Complete(query, request, position, placeholders), SqlParameters.Of(this, position, placeholders));
    }

    /// <summary>Makes the page out of the rows that the SQL of <see cref="ToSql"/> returned, in the order it returned them.</summary>
    /// <param name="rows">Up to <c>request.Size + 1</c> rows.</param>
    /// <param name="request">The request that the SQL was made for.</param>
    /// <exception cref="InvalidOperationException">The key is not unique, so that the next page would lose or repeat rows.</exception>
    public Page<T> ToPage(IEnumerable<T> rows, PageRequest request)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(request);
        return PageAssembly.Assemble(this, request, rows.ToList());
    }

    /// <summary>The cursor of a row: hand it out as After or Before. Only the key columns are read, and the row need not exist.</summary>
    /// <param name="row">Anything with the key's values: <c>keyset.CursorFor(new User { Id = 9980 })</c>.</param>
    /// <param name="scope">The <see cref="PageRequest.Scope"/> of the requests that will use it.</param>
    /// <param name="keys">The <see cref="PageRequest.Keys"/> of those requests.</param>
    /// <exception cref="InvalidOperationException">A value cannot be carried: NULL in a NOT NULL column, text that is no text, a key too long.</exception>
    public string CursorFor(T row, string? scope = null, CursorKeys? keys = null)
    {
        ArgumentNullException.ThrowIfNull(row);
        return CursorCodec.Encode(this, row, scope, keys, inclusive: false);
    }
}
