using Npgsql;

namespace Scaling.Pagination;

/// <summary>One page as SQL: its text and its parameters. Not thread-safe; a parameter belongs to one command.</summary>
public sealed class KeysetSql
{
    internal KeysetSql(string text, IReadOnlyList<NpgsqlParameter> parameters) => (Text, Parameters) = (text, parameters);

    /// <summary>The statement, with named parameters (<c>@keyset_…</c>). It is the same for every page of one size, NULLs apart, so it can be prepared.</summary>
    public string Text { get; }

    /// <summary>Its parameters for Npgsql, typed as the key columns are.</summary>
    public IReadOnlyList<NpgsqlParameter> Parameters { get; }

    /// <summary>Its parameters for Dapper: <c>connection.QueryAsync&lt;User&gt;(sql.Text, sql.ToDictionary())</c>.</summary>
    public Dictionary<string, object> ToDictionary() => Parameters.ToDictionary(parameter => parameter.ParameterName, parameter => parameter.Value!, StringComparer.Ordinal);
}
