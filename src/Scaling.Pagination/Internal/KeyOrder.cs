namespace Scaling.Pagination.Internal;

/// <summary>How one column orders.</summary>
internal readonly record struct KeyOrder(bool Descending, Nulls Nulls)
{
    public bool Nullable => Nulls != Nulls.None;

    /// <summary>What Postgres does unasked: NULL is larger than any value.</summary>
    public bool NullsAreLargest => Nulls == (Descending ? Nulls.First : Nulls.Last);

    public KeyOrder Reversed => new(!Descending, Nulls switch { Nulls.First => Nulls.Last, Nulls.Last => Nulls.First, _ => Nulls.None });

    public KeyOrder Facing(bool backward) => backward ? Reversed : this;
}
