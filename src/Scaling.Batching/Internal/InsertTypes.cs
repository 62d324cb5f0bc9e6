using System.Runtime.CompilerServices;
using Npgsql;

namespace Scaling.Batching.Internal;

/// <summary>An insert's statements, and the columns' types by the names that Npgsql knows.</summary>
internal sealed record InsertStatements(InsertSql Sql, IReadOnlyList<string> Types);

/// <summary>A column's type as SQL and as Npgsql name it. There are no arrays of arrays: values of such a column travel as text.</summary>
internal sealed record ColumnType(string Sql, string Npgsql, bool IsArray);

/// <summary>Reads the columns' types from the catalog, once: values are cast to exactly these.</summary>
/// <remarks>Types are named without their modifier: a cast to <c>varchar(20)</c> would silently cut what an insert refuses.</remarks>
internal sealed class InsertTypes<T>(InsertShape<T> shape)
{
    private const string Query = """
        SELECT a.attname, quote_ident(n.nspname) || '.' || quote_ident(t.typname), n.nspname || '.' || t.typname, t.typcategory = 'A'
        FROM pg_catalog.pg_attribute a
        JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
        JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
        WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped
        """;

    private volatile InsertStatements? _statements;

    public async ValueTask<InsertStatements> ReadAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (_statements is { } known)
        {
            return known;
        }

        var found = new Dictionary<string, ColumnType>(StringComparer.Ordinal);
        using NpgsqlCommand command = connection.CreateCommand();
        command.CommandText = Query;
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = shape.Table });
        NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using ConfiguredAsyncDisposable readerScope = reader.ConfigureAwait(false);
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            found.Add(reader.GetString(0), new(reader.GetString(1), reader.GetString(2), reader.GetBoolean(3)));
        }

        ColumnType[] types = [.. shape.Columns.Select(column => found.TryGetValue(column.Name, out ColumnType? type)
            ? type
            : throw new InvalidOperationException($"Table {shape.Table} has no column {column.Quoted}; it has {string.Join(", ", found.Keys)}."))];
        return _statements = new(InsertSql.For(shape, types), Array.ConvertAll(types, type => type.Npgsql));
    }

    /// <summary>An error of class 42 (wrong type, missing column) may mean that the table was altered: look again next time.</summary>
    public void ForgetIfStale(Exception error)
    {
        if (error is PostgresException { SqlState: var state } && state.StartsWith("42", StringComparison.Ordinal))
        {
            _statements = null;
        }
    }
}
