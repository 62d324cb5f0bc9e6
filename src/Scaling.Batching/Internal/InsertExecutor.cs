using System.Runtime.CompilerServices;
using Npgsql;

namespace Scaling.Batching.Internal;

/// <summary>Runs an insert and says truthfully how it ended.</summary>
internal sealed class InsertExecutor<T>(InsertShape<T> shape)
{
    private readonly InsertTypes<T> _types = new(shape);
    private volatile bool _copyCannotWriteThis;

    public async Task InsertAsync(NpgsqlDataSource dataSource, IReadOnlyList<T> items, CancellationToken cancellationToken)
    {
        shape.Fix();
        if (items.Count == 0)
        {
            return;
        }

        // What fails while the connection is opened has not written anything: only what follows can leave a doubt.
        NpgsqlConnection connection = await dataSource.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await using ConfiguredAsyncDisposable connectionScope = connection.ConfigureAwait(false);
        InsertStatements statements = await _types.ReadAsync(connection, cancellationToken).ConfigureAwait(false);
        if (shape.CanCopy && items.Count > shape.CopyAbove && !_copyCannotWriteThis)
        {
            try
            {
                await CopyInsert.RunAsync(connection, shape, statements, items, cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (Exception error) when (CopyInsert.CannotWriteThis(error))
            {
                _copyCannotWriteThis = true;
            }
        }

        using NpgsqlCommand command = Command(connection, statements, items);
        try
        {
            await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            throw Truthful(error, connection, cancellationToken);
        }
    }

    public async Task<IReadOnlyList<TResult>> InsertReturningAsync<TResult>(
        NpgsqlDataSource dataSource, IReadOnlyList<T> items, CancellationToken cancellationToken)
    {
        shape.Fix();
        var results = new TResult[items.Count];
        if (items.Count == 0)
        {
            return results;
        }

        NpgsqlConnection connection = await dataSource.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await using ConfiguredAsyncDisposable connectionScope = connection.ConfigureAwait(false);
        InsertStatements statements = await _types.ReadAsync(connection, cancellationToken).ConfigureAwait(false);
        using NpgsqlCommand command = Command(connection, statements, items);
        try
        {
            if (shape.Key.Length == 0)
            {
                await ReadInOrderAsync(command, results, cancellationToken).ConfigureAwait(false);
            }
            else
            {
                await ReadByKeyAsync(command, statements.Sql.Lookup!, results, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (Exception error)
        {
            throw Truthful(error, connection, cancellationToken);
        }

        return results;
    }

    private NpgsqlCommand Command(NpgsqlConnection connection, InsertStatements statements, IReadOnlyList<T> items)
    {
        NpgsqlCommand command = connection.CreateCommand();
        command.CommandText = statements.Sql.Insert;
        for (int i = 0; i < shape.Columns.Count; i++)
        {
            command.Parameters.Add(shape.Columns[i].ToParameter(items, shape.Key.Contains(i)));
        }

        return command;
    }

    private static async Task ReadInOrderAsync<TResult>(NpgsqlCommand command, TResult[] results, CancellationToken cancellationToken)
    {
        int rows = 0;
        NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using ConfiguredAsyncDisposable readerScope = reader.ConfigureAwait(false);
        using CancellationTokenRegistration cancel = CancelOn(command, cancellationToken);
        while (await reader.ReadAsync(CancellationToken.None).ConfigureAwait(false))
        {
            results[rows++] = reader.GetFieldValue<TResult>(0);
        }

        await ReadToCommitAsync(reader).ConfigureAwait(false);

        if (rows != results.Length)
        {
            throw new WriteOutcomeUnknownException(
                $"{rows} of {results.Length} rows were inserted: a trigger or rule swallowed the others, so results cannot be matched to items. What was inserted is committed.");
        }
    }

    private async Task ReadByKeyAsync<TResult>(NpgsqlCommand command, string lookup, TResult[] results, CancellationToken cancellationToken)
    {
        var found = new bool[results.Length];
        await ReadByOrdinalAsync(command, results, found, cancellationToken).ConfigureAwait(false);
        int missing = found.AsSpan().IndexOf(false);
        if (missing >= 0 && !shape.UpdatesOnConflict)
        {
            // The rows that existed before. The insert has waited for whoever wrote them, so a new snapshot sees them.
            NpgsqlParameter[] keys = Array.ConvertAll(shape.Key, i => command.Parameters[i]);
            command.Parameters.Clear();
            command.Parameters.AddRange(keys);
            command.CommandText = lookup;
            await ReadByOrdinalAsync(command, results, found, cancellationToken).ConfigureAwait(false);
            missing = found.AsSpan().IndexOf(false);
        }

        if (missing >= 0)
        {
            throw new RowFaultException(missing, new InvalidOperationException(
                "The row is not there after the insert: somebody deleted the row it was in conflict with, or a trigger changed its key or swallowed it."));
        }
    }

    private static async Task ReadByOrdinalAsync<TResult>(NpgsqlCommand command, TResult[] results, bool[] found, CancellationToken cancellationToken)
    {
        NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using ConfiguredAsyncDisposable readerScope = reader.ConfigureAwait(false);
        using CancellationTokenRegistration cancel = CancelOn(command, cancellationToken);
        while (await reader.ReadAsync(CancellationToken.None).ConfigureAwait(false))
        {
            long ordinal = reader.GetInt64(0) - 1;
            results[ordinal] = reader.GetFieldValue<TResult>(1);
            found[ordinal] = true;
        }

        await ReadToCommitAsync(reader).ConfigureAwait(false);
    }

    /// <summary>The rows come before the commit does: deferred constraints fail between the last row and the end of the response.</summary>
    private static async Task ReadToCommitAsync(NpgsqlDataReader reader)
    {
        while (await reader.NextResultAsync(CancellationToken.None).ConfigureAwait(false))
        {
        }
    }

    /// <summary>
    /// Cancels at the server while rows are read. The reader gets no token: it would throw on a cancelled one although the commit,
    /// which comes right behind the rows, is already on its way.
    /// </summary>
    private static CancellationTokenRegistration CancelOn(NpgsqlCommand command, CancellationToken cancellationToken) =>
        cancellationToken.UnsafeRegister(static command => ((NpgsqlCommand)command!).Cancel(), command);

    private Exception Truthful(Exception error, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        _types.ForgetIfStale(error);
        return CommitDoubt.Judge(error, connection, shape.IsIdempotent, cancellationToken);
    }
}
