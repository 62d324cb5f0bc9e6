using System.ComponentModel.DataAnnotations;
using System.Linq.Expressions;
using System.Reflection;
using Npgsql;

namespace Scaling.Pagination.Internal;

/// <summary>One column of a keyset. Its LINQ side is in the other part.</summary>
internal sealed partial class KeyColumn<T, TValue> : KeyColumn<T>
{
    private readonly Func<T, TValue> _value;
    private readonly ValueCodec<TValue> _codec;
    private readonly Expression<Func<T, TValue>>? _expression;

    private KeyColumn(SqlColumn sql, Func<T, TValue> value, Expression<Func<T, TValue>>? expression, ValueCodec<TValue> codec, bool isUnique)
        : base(sql, codec.Name, isUnique) => (_value, _expression, _codec) = (value, expression, codec);

    public static KeyColumn<T, TValue> FromDelegate(string column, Func<T, TValue> value, KeyOrder order, string? type)
    {
        ArgumentException.ThrowIfNullOrEmpty(column);
        ArgumentNullException.ThrowIfNull(value);
        EnsureNullsFit(column, order.Nulls, mayBeNull: default(TValue) is null && typeof(TValue).IsValueType);
        return new(new SqlColumn(column, order, type), value, null, Codecs.For<TValue>(column), IsIdName(column.Replace("_", "", StringComparison.Ordinal)));
    }

    public static KeyColumn<T, TValue> FromExpression(Expression<Func<T, TValue>> value, string? column, KeyOrder order, string? type)
    {
        ArgumentNullException.ThrowIfNull(value);
        Expression body = value.Body is UnaryExpression { NodeType: ExpressionType.Convert } convert ? convert.Operand : value.Body;
        MemberInfo? member = (body as MemberExpression)?.Member;
        column ??= member is null
            ? throw new ArgumentException($"'{value}' has no name of its own: give the column's (column: \"…\").", nameof(value))
            : Identifier.SnakeCase(member.Name);
        ArgumentException.ThrowIfNullOrEmpty(column);
        EnsureNullsFit(column, order.Nulls, Nullability.MayBeNull(typeof(TValue), member));
        bool isUnique = body is MemberExpression { Expression: ParameterExpression } && member is not null
            && (IsIdName(member.Name) || member.IsDefined(typeof(KeyAttribute)));
        return new(new SqlColumn(column, order, type), value.Compile(), value, Codecs.For<TValue>(column), isUnique);
    }

    public override void Write(ref CursorWriter writer, T row) => WriteValue(ref writer, _value(row));

    public override void Write(ref CursorWriter writer, KeyValue? value) => WriteValue(ref writer, value is null ? default : ValueOf(value));

    private void WriteValue(ref CursorWriter writer, TValue? value)
    {
        if (Order.Nullable)
        {
            writer.Byte(value is null ? (byte)0 : (byte)1);
        }
        if (value is not null)
        {
            _codec.Write(ref writer, value);
        }
        else if (!Order.Nullable)
        {
            throw new InvalidOperationException($"Column '{Name}' is declared NOT NULL and this row has NULL in it: say where NULLs stand (Nulls.First or Nulls.Last).");
        }
    }

    public override KeyValue? Read(ref CursorReader reader) =>
        Order.Nullable && !reader.Flag() ? null : new KeyValue<TValue>(_codec.Read(ref reader));

    public override NpgsqlParameter ToParameter(string name, KeyValue value) => _codec.ToParameter(name, ValueOf(value));

    public override void EnsureStorable(KeyValue value) => _codec.EnsureStorable(ValueOf(value));

    private static TValue ValueOf(KeyValue value) => ((KeyValue<TValue>)value).Value;

    private static bool IsIdName(string name) =>
        name.Equals("Id", StringComparison.OrdinalIgnoreCase) || name.Equals(typeof(T).Name + "Id", StringComparison.OrdinalIgnoreCase);

    private static void EnsureNullsFit(string column, Nulls nulls, bool mayBeNull)
    {
        if (mayBeNull && nulls == Nulls.None)
        {
            throw new ArgumentException($"Column '{column}' may be NULL: say where NULLs stand (Nulls.First or Nulls.Last; an index ascending by default has them last).", nameof(nulls));
        }
        if (nulls != Nulls.None && default(TValue) is not null)
        {
            throw new ArgumentException($"Column '{column}' is a {typeof(TValue).Name}, which is never NULL: leave Nulls out, or read it as {typeof(TValue).Name}?.", nameof(nulls));
        }
    }
}
