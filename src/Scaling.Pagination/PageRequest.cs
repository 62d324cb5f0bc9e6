namespace Scaling.Pagination;

/// <summary>Which page: the first, the one after a cursor, the one before a cursor, or the last.</summary>
/// <param name="Size">Rows wanted, at least 1. For a size that a caller sent, see <see cref="Pager"/>.</param>
/// <param name="After"><see cref="Page{T}.Next"/> of the page before; null for the first page.</param>
/// <param name="Before"><see cref="Page{T}.Previous"/> of the page after; excludes <paramref name="After"/>.</param>
public sealed class PageRequest(int Size, string? After = null, string? Before = null)
{
    /// <summary>Rows wanted.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1, or <see cref="int.MaxValue"/>.</exception>
    public int Size { get; } = Checked(Size);

    /// <summary>The cursor to read after; null: none.</summary>
    public string? After { get; } = After;

    /// <summary>The cursor to read before; null: none.</summary>
    public string? Before { get; } = Before;

    /// <summary>
    /// What else defines the list: filters, tenant, search words. A cursor works under the scope that made it and under
    /// no other. Default: none.
    /// </summary>
    public string? Scope { get; init; }

    /// <summary>Signs the cursors of the page and refuses all others. Default: cursors are checksummed, not signed.</summary>
    public CursorKeys? Keys { get; init; }

    /// <summary>The last page, or the page before <paramref name="before"/>.</summary>
    /// <param name="size">Rows wanted, at least 1.</param>
    /// <param name="before"><see cref="Page{T}.Previous"/> of the page after; null for the last page.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="size"/> is less than 1.</exception>
    public static PageRequest Last(int size, string? before = null) => new(size, Before: before) { FromEnd = true };

    /// <summary>With no cursor, the last page.</summary>
    internal bool FromEnd { get; init; }

    internal bool Backward => FromEnd || Before is not null;

    internal string? Cursor => After is not null && Before is not null
        ? throw new ArgumentException("A page lies after one cursor or before one, not between two: set After or Before.")
        : After ?? Before;

    internal PageRequest? Following(string? next, string? previous) => (Backward ? previous : next) is not { } cursor
        ? null
        : new PageRequest(Size, After: Backward ? null : cursor, Before: Backward ? cursor : null) { Scope = Scope, Keys = Keys };

    private static int Checked(int size)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        ArgumentOutOfRangeException.ThrowIfEqual(size, int.MaxValue); // one row more is read than is returned
        return size;
    }
}
