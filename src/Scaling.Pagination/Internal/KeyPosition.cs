using System.Linq.Expressions;

namespace Scaling.Pagination.Internal;

/// <summary>A place in a keyset's order: the value of each column (null: NULL), and whether the place itself is meant too.</summary>
internal readonly struct KeyPosition(KeyValue?[] values, bool inclusive)
{
    public KeyValue?[] Values { get; } = values;

    public bool Inclusive { get; } = inclusive;

    public bool[] IsNull => Array.ConvertAll(Values, value => value is null);
}

/// <summary>A value of a column, typed and never NULL.</summary>
internal abstract class KeyValue;

/// <inheritdoc cref="KeyValue"/>
internal sealed class KeyValue<TValue>(TValue value) : KeyValue
{
    public readonly TValue Value = value;

    /// <summary>The value as a field of an object, as a captured variable is: EF Core makes it a parameter.</summary>
    public Expression AsVariable() => Expression.Field(Expression.Constant(this), typeof(KeyValue<TValue>).GetField(nameof(Value))!);
}
