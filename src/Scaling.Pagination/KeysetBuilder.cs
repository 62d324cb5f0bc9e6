using System.Linq.Expressions;
using Scaling.Pagination.Internal;

#pragma warning disable RS0026 // overloads differ in a required parameter (expression or name), so an optional one never decides between them

namespace Scaling.Pagination;

/// <summary>A keyset to which columns are still added; it turns into a <see cref="Keyset{T}"/> by assignment or <see cref="ToKeyset"/>.</summary>
/// <typeparam name="T">The row.</typeparam>
/// <remarks>
/// The last column must make the order total. One named <c>Id</c> or <c>{T}Id</c>, or marked <c>[Key]</c>, is taken to be
/// unique; of any other, <see cref="Unique"/> says so. Each call returns a new builder.
/// </remarks>
public sealed class KeysetBuilder<T>
{
    private readonly KeyColumn<T>[] _columns;
    private readonly bool _declaredUnique;

    internal KeysetBuilder(KeyColumn<T>[] columns, bool declaredUnique) => (_columns, _declaredUnique) = (columns, declaredUnique);

    /// <summary>Orders by <paramref name="value"/>, smallest first. Works for LINQ and SQL.</summary>
    /// <typeparam name="TValue">A number, text, time, <see cref="Guid"/>, <see cref="bool"/> or byte[].</typeparam>
    /// <param name="value">The property, <c>u =&gt; u.CreatedAt</c>.</param>
    /// <param name="nulls">Required when the property can be null.</param>
    /// <param name="column">The column in SQL; default: the property's name in snake_case, <c>created_at</c>.</param>
    /// <param name="type">The column's Postgres type where the .NET type's own would miss the index: <c>"citext"</c>, <c>"bpchar"</c>. Becomes SQL as it is.</param>
    /// <exception cref="ArgumentException">The type cannot be a key, or its NULLs are undeclared.</exception>
    public KeysetBuilder<T> Ascending<TValue>(Expression<Func<T, TValue>> value, Nulls nulls = Nulls.None, string? column = null, string? type = null) =>
        Add(KeyColumn<T, TValue>.FromExpression(value, column, new KeyOrder(Descending: false, nulls), type));

    /// <summary>Orders by <paramref name="value"/>, largest first. Works for LINQ and SQL.</summary>
    /// <typeparam name="TValue">A number, text, time, <see cref="Guid"/>, <see cref="bool"/> or byte[].</typeparam>
    /// <param name="value">The property, <c>u =&gt; u.CreatedAt</c>.</param>
    /// <param name="nulls">Required when the property can be null.</param>
    /// <param name="column">The column in SQL; default: the property's name in snake_case, <c>created_at</c>.</param>
    /// <param name="type">As for Ascending.</param>
    /// <exception cref="ArgumentException">The type cannot be a key, or its NULLs are undeclared.</exception>
    public KeysetBuilder<T> Descending<TValue>(Expression<Func<T, TValue>> value, Nulls nulls = Nulls.None, string? column = null, string? type = null) =>
        Add(KeyColumn<T, TValue>.FromExpression(value, column, new KeyOrder(Descending: true, nulls), type));

    /// <summary>Orders by a column of the SQL, smallest first. For SQL alone; needs no expression trees, so it suits native AOT.</summary>
    /// <typeparam name="TValue">A number, text, time, <see cref="Guid"/>, <see cref="bool"/> or byte[].</typeparam>
    /// <param name="column">The column's name as the query returns it; it is quoted, whatever it contains.</param>
    /// <param name="value">Reads it from a row.</param>
    /// <param name="nulls">Where NULLs stand; default: there are none.</param>
    /// <param name="type">As in the other overload.</param>
    /// <exception cref="ArgumentException">The type cannot be a key, or its NULLs are undeclared.</exception>
    public KeysetBuilder<T> Ascending<TValue>(string column, Func<T, TValue> value, Nulls nulls = Nulls.None, string? type = null) =>
        Add(KeyColumn<T, TValue>.FromDelegate(column, value, new KeyOrder(Descending: false, nulls), type));

    /// <summary>Orders by a column of the SQL, largest first. For SQL alone; needs no expression trees, so it suits native AOT.</summary>
    /// <typeparam name="TValue">A number, text, time, <see cref="Guid"/>, <see cref="bool"/> or byte[].</typeparam>
    /// <param name="column">The column's name as the query returns it; it is quoted, whatever it contains.</param>
    /// <param name="value">Reads it from a row.</param>
    /// <param name="nulls">Where NULLs stand; default: there are none.</param>
    /// <param name="type">As for Ascending.</param>
    /// <exception cref="ArgumentException">The type cannot be a key, or its NULLs are undeclared.</exception>
    public KeysetBuilder<T> Descending<TValue>(string column, Func<T, TValue> value, Nulls nulls = Nulls.None, string? type = null) =>
        Add(KeyColumn<T, TValue>.FromDelegate(column, value, new KeyOrder(Descending: true, nulls), type));

    /// <summary>Declares that the columns so far identify one row, as a unique index over them does.</summary>
    public KeysetBuilder<T> Unique() => new(_columns, declaredUnique: true);

    /// <summary>The finished keyset.</summary>
    /// <exception cref="InvalidOperationException">Without columns, without a unique last one, or with NULLs in it.</exception>
    public Keyset<T> ToKeyset()
    {
        if (_columns is not [.., { } last])
        {
            throw new InvalidOperationException($"A keyset of {typeof(T).Name} needs a column: Keyset.For<{typeof(T).Name}>().Ascending(x => x.Id).");
        }
        if (last.Order.Nulls != Nulls.None)
        {
            throw new InvalidOperationException($"The last column, '{last.Name}', may be NULL, and NULLs tie: end in a unique column that is NOT NULL.");
        }
        if (!_declaredUnique && !last.IsUniqueByConvention)
        {
            throw new InvalidOperationException($"Nothing says that '{last.Name}' is unique, and rows that tie get lost between pages: end in the primary key (.Ascending(x => x.Id)), or say .Unique().");
        }
        if (_columns.Select(column => column.Name).Distinct(StringComparer.Ordinal).Count() < _columns.Length)
        {
            throw new InvalidOperationException($"A column occurs twice in ({string.Join(", ", _columns.Select(column => column.Name))}): name each once.");
        }
        return new Keyset<T>(_columns);
    }

    /// <summary><see cref="ToKeyset"/>.</summary>
    /// <param name="builder">What to finish.</param>
    public static implicit operator Keyset<T>(KeysetBuilder<T> builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.ToKeyset();
    }

    // A new last column asks anew whether it is unique.
    private KeysetBuilder<T> Add(KeyColumn<T> column) => new([.. _columns, column], declaredUnique: false);
}
