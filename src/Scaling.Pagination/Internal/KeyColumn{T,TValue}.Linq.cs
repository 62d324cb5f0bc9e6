using System.Linq.Expressions;

namespace Scaling.Pagination.Internal;

// In memory, values compare as OrderBy compares them (NaN, culture, bool); elsewhere as the database does.
internal sealed partial class KeyColumn<T, TValue>
{
    private static readonly Func<TValue?, TValue?, int> CompareInMemory = Comparer<TValue>.Default.Compare;
    private static readonly Func<string?, string?, int> CompareText = string.Compare;

    public override Expression Condition(ParameterExpression row, ExpressionType comparison, KeyValue? value, bool inMemory)
    {
        Expression column = ColumnOf(row);
        if (value is null)
        {
            return Expression.MakeBinary(comparison, column, Expression.Constant(null, typeof(TValue)));
        }
        Expression position = ((KeyValue<TValue>)value).AsVariable();
        if (inMemory)
        {
            Expression compared = Expression.MakeBinary(comparison, Call(CompareInMemory, column, position), Expression.Constant(0));
            return Order.Nullable ? Expression.AndAlso(Condition(row, ExpressionType.NotEqual, null, inMemory), compared) : compared; // null compares as the least value
        }
        if (comparison == ExpressionType.Equal)
        {
            return Expression.Equal(column, position);
        }
        return column.Type switch
        {
            var type when type == typeof(string) => Expression.MakeBinary(comparison, Call(CompareText, column, position), Expression.Constant(0)),
            var type when type == typeof(bool) => Bool(comparison, column, position),
            var type when type == typeof(bool?) => Bool(comparison, Expression.Convert(column, typeof(bool)), Expression.Convert(position, typeof(bool))),
            _ => Expression.MakeBinary(comparison, column, position),
        };
    }

    public override IOrderedQueryable<T> OrderBy(IQueryable<T> rows, KeyOrder facing, bool first, bool inMemory)
    {
        // A provider has no word for NULLS FIRST. Postgres's own order needs none; for the other, NULL-ness is a key of its own.
        if (facing.Nullable && (inMemory || !facing.NullsAreLargest))
        {
            ParameterExpression row = Row();
            var isNull = Expression.Lambda<Func<T, bool>>(Expression.Equal(ColumnOf(row), Expression.Constant(null, typeof(TValue))), row);
            rows = Sort(rows, isNull, facing.Nulls == Nulls.First, first);
            first = false;
        }
        return Sort(rows, Declared, facing.Descending, first);
    }

    private Expression<Func<T, TValue>> Declared => _expression
        ?? throw new InvalidOperationException($"Column '{Name}' was given as a delegate, which LINQ cannot translate: give it as an expression (u => u.Id).");

    private Expression ColumnOf(ParameterExpression row) => new Substitution(Declared.Parameters[0], row).Visit(Declared.Body);

    private static ParameterExpression Row() => Expression.Parameter(typeof(T), "row");

    private static MethodCallExpression Call(Delegate compare, Expression left, Expression right) =>
        Expression.Call(compare.Target is null ? null : Expression.Constant(compare.Target), compare.Method, left, right);

    private static BinaryExpression Bool(ExpressionType comparison, Expression column, Expression position) => comparison switch
    {
        ExpressionType.GreaterThan => Expression.AndAlso(column, Expression.Not(position)),
        ExpressionType.LessThan => Expression.AndAlso(Expression.Not(column), position),
        ExpressionType.GreaterThanOrEqual => Expression.OrElse(column, Expression.Not(position)),
        _ => Expression.OrElse(Expression.Not(column), position),
    };

    private static IOrderedQueryable<T> Sort<TKey>(IQueryable<T> rows, Expression<Func<T, TKey>> key, bool descending, bool first) => (first, descending) switch
    {
        (true, false) => rows.OrderBy(key),
        (true, true) => rows.OrderByDescending(key),
        (false, false) => ((IOrderedQueryable<T>)rows).ThenBy(key),
        (false, true) => ((IOrderedQueryable<T>)rows).ThenByDescending(key),
    };

    private sealed class Substitution(ParameterExpression from, ParameterExpression to) : ExpressionVisitor
    {
        protected override Expression VisitParameter(ParameterExpression node) => node == from ? to : node;
    }
}
