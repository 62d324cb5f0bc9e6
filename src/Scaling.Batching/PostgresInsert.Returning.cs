using Npgsql;
using Scaling.Batching.Internal;

namespace Scaling.Batching;

/// <summary>A <see cref="PostgresInsert{T}"/> that returns a column of each row.</summary>
/// <typeparam name="T">What becomes a row.</typeparam>
/// <typeparam name="TResult">The type of the returned column.</typeparam>
/// <remarks>
/// With a conflict clause results are matched to items by key, so items with one key get the same result, and an item whose
/// row existed gets the existing row's. Without one, rows are inserted and returned in the order of the items; should a trigger
/// swallow rows, results cannot be matched and all callers get <see cref="WriteOutcomeUnknownException"/> rather than another's result.
/// </remarks>
public sealed class PostgresInsert<T, TResult>
{
    private readonly InsertExecutor<T> _executor;

    internal PostgresInsert(InsertExecutor<T> executor) => _executor = executor;

    /// <summary>Inserts the rows and commits.</summary>
    /// <inheritdoc cref="PostgresInsert{T}.ExecuteAsync"/>
    /// <returns>One result per item, in order.</returns>
    public Task<IReadOnlyList<TResult>> ExecuteAsync(NpgsqlDataSource dataSource, IReadOnlyList<T> items, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(dataSource);
        ArgumentNullException.ThrowIfNull(items);
        return _executor.InsertReturningAsync<TResult>(dataSource, items, cancellationToken);
    }
}
