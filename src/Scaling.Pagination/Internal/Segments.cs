namespace Scaling.Pagination.Internal;

/// <summary>What a segment asks of the columns after its prefix.</summary>
internal enum Step
{
    /// <summary>They lie past the cursor's values, compared as one row.</summary>
    Past,

    /// <summary>They lie past the cursor's values or on them.</summary>
    PastOrAt,

    /// <summary>The column is NULL.</summary>
    IsNull,

    /// <summary>The column is not NULL.</summary>
    IsNotNull,
}

/// <summary>Columns 0..Start-1 equal the cursor's; columns Start..End-1 take the step. Its rows are one range of an index.</summary>
internal readonly record struct Segment(int Start, int End, Step Step);

/// <summary>Splits "after this position" into index ranges. Pure.</summary>
/// <remarks>
/// Written as one OR, the condition cannot seek in Postgres; each range alone can. Where neighbouring columns share a
/// direction and have values, one row comparison spans their ranges. Comparing a row with NULL is never true, so a
/// NULL on either side gets a range of its own.
/// </remarks>
internal static class Segments
{
    /// <param name="order">The columns, facing the way the page is read.</param>
    /// <param name="isNull">Whether the cursor's value of each column is NULL; the last never is.</param>
    /// <param name="inclusive">The position itself belongs to the page.</param>
    /// <param name="rowComparison">False where only single columns can be compared (LINQ).</param>
    public static List<Segment> After(ReadOnlySpan<KeyOrder> order, ReadOnlySpan<bool> isNull, bool inclusive, bool rowComparison)
    {
        var segments = new List<Segment>(order.Length);
        for (int end = order.Length; end > 0;)
        {
            int start = end - 1;
            if (isNull[start])
            {
                if (order[start].Nulls == Nulls.First)
                {
                    segments.Add(new Segment(start, end, Step.IsNotNull));
                }
                end = start;
                continue;
            }
            while (rowComparison && start > 0 && !isNull[start - 1] && order[start - 1].Descending == order[start].Descending)
            {
                start--;
            }
            segments.Add(new Segment(start, end, inclusive && end == order.Length ? Step.PastOrAt : Step.Past));
            for (int column = end - 1; column >= start; column--)
            {
                if (order[column].Nulls == Nulls.Last)
                {
                    segments.Add(new Segment(column, column + 1, Step.IsNull));
                }
            }
            end = start;
        }
        return segments;
    }
}
