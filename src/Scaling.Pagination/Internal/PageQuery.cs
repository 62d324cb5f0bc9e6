using System.Linq.Expressions;

namespace Scaling.Pagination.Internal;

/// <summary>The page as LINQ: one ordered, limited query per segment, joined by Concat and ordered again.</summary>
internal static class PageQuery
{
    public static IQueryable<T> Build<T>(IQueryable<T> rows, Keyset<T> keyset, PageRequest request, KeyPosition? start)
    {
        bool inMemory = rows.Provider is EnumerableQuery;
        KeyOrder[] facing = Array.ConvertAll(keyset.Order, order => order.Facing(request.Backward));
        var limit = new KeyValue<int>(request.Size + 1);
        if (start is not { } position)
        {
            return Limited(Ordered(rows));
        }
        if (!inMemory)
        {
            EnsureStorable(keyset, position);
        }
        List<Segment> segments = Segments.After(facing, position.IsNull, position.Inclusive, rowComparison: false);
        IQueryable<T> union = segments
            .Select(segment => Limited(Ordered(rows.Where(Where(keyset, segment, facing, position, inMemory)))))
            .Aggregate(Queryable.Concat);
        return segments.Count == 1 ? union : Limited(Ordered(union));

        IQueryable<T> Ordered(IQueryable<T> unordered)
        {
            for (int i = 0; i < facing.Length; i++)
            {
                unordered = keyset.Columns[i].OrderBy(unordered, facing[i], first: i == 0, inMemory);
            }
            return unordered;
        }

        // The limit as a captured variable, so that all page sizes share one compiled query.
        IQueryable<T> Limited(IQueryable<T> ordered) => ordered.Provider.CreateQuery<T>(Expression.Call(
            ((Func<IQueryable<T>, int, IQueryable<T>>)Queryable.Take).Method,
            ordered.Expression,
            limit.AsVariable()));
    }

    private static Expression<Func<T, bool>> Where<T>(Keyset<T> keyset, Segment segment, KeyOrder[] facing, KeyPosition position, bool inMemory)
    {
        ParameterExpression row = Expression.Parameter(typeof(T), "row");
        int column = segment.Start;
        Expression condition = segment.Step switch
        {
            Step.IsNull => Condition(column, ExpressionType.Equal, null),
            Step.IsNotNull => Condition(column, ExpressionType.NotEqual, null),
            Step.Past => Condition(column, facing[column].Descending ? ExpressionType.LessThan : ExpressionType.GreaterThan, position.Values[column]),
            _ => Condition(column, facing[column].Descending ? ExpressionType.LessThanOrEqual : ExpressionType.GreaterThanOrEqual, position.Values[column]),
        };
        for (int i = segment.Start - 1; i >= 0; i--)
        {
            condition = Expression.AndAlso(Condition(i, ExpressionType.Equal, position.Values[i]), condition);
        }
        return Expression.Lambda<Func<T, bool>>(condition, row);

        Expression Condition(int i, ExpressionType comparison, KeyValue? value) => keyset.Columns[i].Condition(row, comparison, value, inMemory);
    }

    private static void EnsureStorable<T>(Keyset<T> keyset, KeyPosition position)
    {
        for (int i = 0; i < position.Values.Length; i++)
        {
            if (position.Values[i] is { } value)
            {
                keyset.Columns[i].EnsureStorable(value);
            }
        }
    }
}
