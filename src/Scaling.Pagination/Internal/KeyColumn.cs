using System.Linq.Expressions;
using Npgsql;

namespace Scaling.Pagination.Internal;

/// <summary>What the SQL needs to know of a column.</summary>
internal sealed record SqlColumn(string Name, KeyOrder Order, string? Type);

/// <summary>One column of a keyset, whatever its type.</summary>
internal abstract class KeyColumn<T>(SqlColumn sql, string codec, bool isUniqueByConvention)
{
    public SqlColumn Sql { get; } = sql;

    public string Name => Sql.Name;

    public KeyOrder Order => Sql.Order;

    public bool IsUniqueByConvention { get; } = isUniqueByConvention;

    /// <summary>All that a cursor depends on.</summary>
    public string Description { get; } = $"{sql.Name}\0{(sql.Order.Descending ? "desc" : "asc")}\0{sql.Order.Nulls}\0{codec}\0{sql.Type}";

    public abstract void Write(ref CursorWriter writer, T row);

    public abstract void Write(ref CursorWriter writer, KeyValue? value);

    public abstract KeyValue? Read(ref CursorReader reader);

    public abstract NpgsqlParameter ToParameter(string name, KeyValue value);

    /// <summary>Throws when the database would take the value for another one.</summary>
    public abstract void EnsureStorable(KeyValue value);

    public abstract Expression Condition(ParameterExpression row, ExpressionType comparison, KeyValue? value, bool inMemory);

    public abstract IOrderedQueryable<T> OrderBy(IQueryable<T> rows, KeyOrder facing, bool first, bool inMemory);
}
