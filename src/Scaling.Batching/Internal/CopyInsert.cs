using System.Runtime.CompilerServices;
using Npgsql;

namespace Scaling.Batching.Internal;

/// <summary>Writes rows by binary COPY.</summary>
internal static class CopyInsert
{
    public static async Task RunAsync<T>(
        NpgsqlConnection connection, InsertShape<T> shape, InsertStatements statements, IReadOnlyList<T> items, CancellationToken cancellationToken)
    {
        bool isCommitting = false;
        try
        {
            NpgsqlBinaryImporter importer = await connection.BeginBinaryImportAsync(statements.Sql.Copy, cancellationToken).ConfigureAwait(false);
            await using ConfiguredAsyncDisposable importerScope = importer.ConfigureAwait(false);
            await WriteRowsAsync(importer, shape, statements.Types, items, cancellationToken).ConfigureAwait(false);

            // Until the end of the data has been sent the server cannot commit, so a lost connection is no doubt yet.
            isCommitting = true;
            await importer.CompleteAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (PostgresException error) when (RowFaults.IsRowFault(error) && RowFaults.FindCopyRow(error, items.Count) is >= 0 and var row)
        {
            throw new RowFaultException(row, error);
        }
        catch (Exception error) when (isCommitting)
        {
            throw CommitDoubt.Judge(error, connection, isIdempotent: false, cancellationToken);
        }
    }

    /// <summary>
    /// COPY has refused before anything was written, and an INSERT may do: a type that only the server's cast can make of the value, such
    /// as an enum of text; a table under row security; a view.
    /// </summary>
    public static bool CannotWriteThis(Exception error) =>
        error is InvalidCastException or NotSupportedException or PostgresException { SqlState: PostgresErrorCodes.FeatureNotSupported or PostgresErrorCodes.WrongObjectType };

    private static async Task WriteRowsAsync<T>(
        NpgsqlBinaryImporter importer, InsertShape<T> shape, IReadOnlyList<string> types, IReadOnlyList<T> items, CancellationToken cancellationToken)
    {
        int row = 0;
        try
        {
            for (; row < items.Count; row++)
            {
                await importer.StartRowAsync(cancellationToken).ConfigureAwait(false);
                for (int i = 0; i < types.Count; i++)
                {
                    await shape.Columns[i].CopyAsync(importer, items[row], types[i], cancellationToken).ConfigureAwait(false);
                }
            }
        }
        catch (Exception error) when (error is not (NpgsqlException or OperationCanceledException or InvalidCastException or NotSupportedException or IOException))
        {
            throw new RowFaultException(row, error);
        }
    }
}
