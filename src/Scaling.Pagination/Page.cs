using System.Text.Json.Serialization;

namespace Scaling.Pagination;

/// <summary>Some rows of a list, in the order of its keyset, and the cursors of the pages beside it.</summary>
/// <typeparam name="T">The row.</typeparam>
/// <remarks>
/// On the side the page was read towards, one row more is read to know whether there is another page. On the side it
/// came from, the cursor stands for the row it was made from; if that row and all beyond it are deleted meanwhile, that
/// page turns out empty and leads back.
/// </remarks>
public sealed class Page<T>
{
    private readonly Func<int, string> _cursorAt;

    internal Page(IReadOnlyList<T> items, string? next, string? previous, Func<int, string> cursorAt) =>
        (Items, Next, Previous, _cursorAt) = (items, next, previous, cursorAt);

    /// <summary>The rows, always in the keyset's order, whichever way they were read.</summary>
    public IReadOnlyList<T> Items { get; }

    /// <summary>The cursor of the next page (<see cref="PageRequest.After"/>); null at the end.</summary>
    public string? Next { get; }

    /// <summary>The cursor of the previous page (<see cref="PageRequest.Before"/>); null at the beginning.</summary>
    public string? Previous { get; }

    /// <summary>Whether there is a next page.</summary>
    [JsonIgnore]
    public bool HasNext => Next is not null;

    /// <summary>Whether there is a previous page.</summary>
    [JsonIgnore]
    public bool HasPrevious => Previous is not null;

    /// <summary>The cursor of one row, for APIs that give each row its own (Relay's edges).</summary>
    /// <param name="index">The row's place in <see cref="Items"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such row.</exception>
    public string CursorAt(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Items.Count);
        return _cursorAt(index);
    }

    /// <summary>The same page with other items, such as those an API returns. The cursors stay.</summary>
    /// <typeparam name="TResult">The other item.</typeparam>
    /// <param name="selector">Makes one of each row.</param>
    public Page<TResult> Select<TResult>(Func<T, TResult> selector) => new([.. Items.Select(selector)], Next, Previous, _cursorAt);

    /// <summary>The same page in the shape of GraphQL's Relay connections.</summary>
    public Connection<T> ToConnection() => new(this);
}
