using Npgsql;
using Scaling.Pagination.Internal;

#pragma warning disable RS0026 // overloads differ in what is extended, so an optional parameter never decides between them

namespace Scaling.Pagination;

/// <summary>Pages straight from Postgres.</summary>
public static class NpgsqlPageExtensions
{
    /// <summary>Reads one page of <paramref name="query"/> on a connection of its own.</summary>
    /// <typeparam name="T">The row.</typeparam>
    /// <param name="dataSource">Where to read: a primary, a standby, a shard, through PgBouncer or not.</param>
    /// <param name="query">Any SELECT that returns the key columns, without ORDER BY and LIMIT.</param>
    /// <param name="keyset">The order.</param>
    /// <param name="request">Which page.</param>
    /// <param name="read">Makes an item of the reader's current row.</param>
    /// <param name="cancellationToken">Cancels the query.</param>
    /// <exception cref="InvalidCursorException">The request's cursor cannot be used here; nothing was sent to the database.</exception>
    /// <exception cref="InvalidOperationException">The key turned out not to be unique.</exception>
    public static async Task<Page<T>> QueryPageAsync<T>(
        this NpgsqlDataSource dataSource,
        string query,
        Keyset<T> keyset,
        PageRequest request,
        Func<NpgsqlDataReader, T> read,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(dataSource);
        NpgsqlCommand command = dataSource.CreateCommand(query);
        await using (command.ConfigureAwait(false))
        {
            return await command.QueryPageAsync(keyset, request, read, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Reads one page of the command's query, with its parameters (named or <c>$1</c>), connection and transaction.
    /// The command becomes the page's query: make a new one for the next page.
    /// </summary>
    /// <typeparam name="T">The row.</typeparam>
    /// <param name="command">A SELECT that returns the key columns, without ORDER BY and LIMIT.</param>
    /// <param name="keyset">The order.</param>
    /// <param name="request">Which page.</param>
    /// <param name="read">Makes an item of the reader's current row.</param>
    /// <param name="cancellationToken">Cancels the query.</param>
    /// <exception cref="InvalidCursorException">The request's cursor cannot be used here; nothing was sent to the database.</exception>
    /// <exception cref="InvalidOperationException">The key turned out not to be unique.</exception>
    public static async Task<Page<T>> QueryPageAsync<T>(
        this NpgsqlCommand command,
        Keyset<T> keyset,
        PageRequest request,
        Func<NpgsqlDataReader, T> read,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(command);
        ArgumentNullException.ThrowIfNull(keyset);
        ArgumentNullException.ThrowIfNull(read);
        int own = command.Parameters.Count;
        bool named = own > 0 && command.Parameters.Any(parameter => parameter.ParameterName.Length > 0);
        KeysetSql sql = keyset.SqlWith(named ? Placeholders.Named : Placeholders.Numbered(own), command.CommandText, request);
        command.CommandText = sql.Text;
        foreach (NpgsqlParameter parameter in sql.Parameters)
        {
            command.Parameters.Add(parameter);
        }
        long start = PaginationMetrics.Start();
        try
        {
            return PageAssembly.Assemble(keyset, request, await ReadAsync(command, read, cancellationToken).ConfigureAwait(false));
        }
        catch (PostgresException e) when (keyset.CastsText && request.Cursor is not null && IsNoValueOfItsType(e))
        {
            // A column given as text with a type: only Postgres knows which texts are values of it.
            PaginationMetrics.CursorRefused(InvalidCursorReason.Malformed);
            throw new InvalidCursorException(InvalidCursorReason.Malformed, e);
        }
        finally
        {
            PaginationMetrics.PageRead(start, "npgsql", request);
        }
    }

    private static bool IsNoValueOfItsType(PostgresException e) => e.SqlState
        is PostgresErrorCodes.InvalidTextRepresentation
        or PostgresErrorCodes.NumericValueOutOfRange
        or PostgresErrorCodes.InvalidDatetimeFormat
        or PostgresErrorCodes.DatetimeFieldOverflow;

    private static async Task<List<T>> ReadAsync<T>(NpgsqlCommand command, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken)
    {
        var rows = new List<T>();
        NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                rows.Add(read(reader));
            }
        }
        return rows;
    }
}
