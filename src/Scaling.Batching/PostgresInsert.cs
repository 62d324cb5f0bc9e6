using Npgsql;
using Scaling.Batching.Internal;

namespace Scaling.Batching;

/// <summary>Inserts many rows with one statement: <c>INSERT … SELECT … FROM unnest(…)</c>, or binary COPY for very many.</summary>
/// <typeparam name="T">What becomes a row.</typeparam>
/// <remarks>
/// <para>All or nothing: when <c>ExecuteAsync</c> returns, every row is committed (deferred constraints included); when it throws, none is.
/// The exception to that is <see cref="WriteOutcomeUnknownException"/>: the connection was lost while committing.</para>
/// <para>Values are cast to the columns' own types, which are read from the catalog once. No reflection, no statement that has to be
/// prepared: it works through PgBouncer in transaction mode. Set it up first, then share it: executing is thread-safe.</para>
/// </remarks>
/// <example><code>
/// var insert = new PostgresInsert&lt;NewUser&gt;("users").Column("name", u => u.Name).Column("email", u => u.Email);
/// await insert.ExecuteAsync(dataSource, users, cancellationToken);
/// </code></example>
public sealed class PostgresInsert<T>
{
    private readonly InsertShape<T> _shape;
    private readonly InsertExecutor<T> _executor;

    /// <summary>Inserts into a table.</summary>
    /// <param name="table">The table's name exactly as it is stored; it is quoted.</param>
    /// <param name="schema">The schema's name exactly as it is stored. Default: found by the search path.</param>
    public PostgresInsert(string table, string? schema = null)
    {
        _shape = new(table, schema);
        _executor = new(_shape);
    }

    /// <summary>Adds a column.</summary>
    /// <typeparam name="TValue">
    /// A type that Npgsql can write as an array element: not an array itself, except <c>byte[]</c>. For a column of arrays take their text
    /// (<c>{1,2}</c>), which the server casts.
    /// </typeparam>
    /// <param name="name">The column's name exactly as it is stored; it is quoted.</param>
    /// <param name="value">Takes the value from an item. Null is written as NULL.</param>
    /// <returns>This, for the next column.</returns>
    public PostgresInsert<T> Column<TValue>(string name, Func<T, TValue> value)
    {
        _shape.Add(new InsertColumn<T, TValue>(name, value));
        return this;
    }

    /// <summary>
    /// Leaves rows whose key exists as they are. This is the idempotency key: a batch whose commit was in doubt can be repeated.
    /// </summary>
    /// <param name="key">The columns of a unique index or constraint, all among the inserted ones. A null in them faults the row.</param>
    /// <returns>This.</returns>
    public PostgresInsert<T> OnConflictDoNothing(params string[] key)
    {
        _shape.OnConflict(key, update: false);
        return this;
    }

    /// <summary>
    /// Updates all other columns of rows whose key exists. Of several items with one key in a batch the last one wins. Rows are
    /// written in the order of their keys, so overlapping batches do not deadlock.
    /// </summary>
    /// <param name="key">The columns of a unique index or constraint, all among the inserted ones. A null in them faults the row.</param>
    /// <returns>This.</returns>
    public PostgresInsert<T> OnConflictDoUpdate(params string[] key)
    {
        _shape.OnConflict(key, update: true);
        return this;
    }

    /// <summary>
    /// How many rows one statement may have before binary COPY is used instead. Default 2,000, about where COPY becomes faster.
    /// COPY is never used with a conflict clause or with <see cref="Returning{TResult}"/>, and not where it is not allowed: for a type that
    /// only a cast can write, for a view, under row security. Rules of a table do not see it: set <see cref="int.MaxValue"/> if yours has any.
    /// </summary>
    /// <param name="rows">The number of rows; <see cref="int.MaxValue"/> for never.</param>
    /// <returns>This.</returns>
    public PostgresInsert<T> CopyAbove(int rows)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        _shape.CopyAbove = rows;
        return this;
    }

    /// <summary>Makes the insert return a column of each row. The last step: set up everything else before.</summary>
    /// <typeparam name="TResult">The type to read the column as.</typeparam>
    /// <param name="column">The column's name exactly as it is stored; it is quoted.</param>
    public PostgresInsert<T, TResult> Returning<TResult>(string column)
    {
        _shape.Return(column);
        return new(_executor);
    }

    /// <summary>Inserts the rows and commits.</summary>
    /// <param name="dataSource">Where to.</param>
    /// <param name="items">What to insert.</param>
    /// <param name="cancellationToken">Cancels the statement.</param>
    /// <exception cref="PostgresException">The server's error. Nothing was written.</exception>
    /// <exception cref="RowFaultException">One row cannot be written, and it is known which. Nothing was written.</exception>
    /// <exception cref="WriteOutcomeUnknownException">The connection was lost while committing.</exception>
    public Task ExecuteAsync(NpgsqlDataSource dataSource, IReadOnlyList<T> items, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(dataSource);
        ArgumentNullException.ThrowIfNull(items);
        return _executor.InsertAsync(dataSource, items, cancellationToken);
    }
}
