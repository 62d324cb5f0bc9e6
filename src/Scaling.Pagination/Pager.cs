namespace Scaling.Pagination;

/// <summary>Makes page requests out of what callers send: page sizes by the rules of AIP-158, cursors signed when there are keys. Thread-safe.</summary>
/// <remarks>
/// AIP-158 (Google API Improvement Proposals): no size or 0 gives the default, a size above the maximum is cut to it, a
/// negative one is an error, and it may change from page to page.
/// </remarks>
public sealed class Pager
{
    private readonly PaginationOptions _options;
    private readonly CursorKeys? _keys;

    /// <summary>A pager with these rules.</summary>
    /// <param name="options">Default: 20 rows, at most 100, unsigned cursors. Later changes to it have no effect on keys.</param>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public Pager(PaginationOptions? options = null)
    {
        _options = options ?? new PaginationOptions();
        _options.Validate();
        _keys = _options.Keys;
    }

    /// <summary>The request for a page.</summary>
    /// <param name="size">The size the caller asked for, if any.</param>
    /// <param name="after">The cursor to read after, if any.</param>
    /// <param name="before">The cursor to read before, if any.</param>
    /// <param name="scope">Filters, tenant, search: what else defines the list (<see cref="PageRequest.Scope"/>).</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="size"/> is negative.</exception>
    /// <exception cref="ArgumentException">Both cursors are given.</exception>
    public PageRequest Request(int? size = null, string? after = null, string? before = null, string? scope = null)
    {
        if (after is not null && before is not null)
        {
            throw new ArgumentException("Give one cursor: after or before.", nameof(before));
        }
        return new PageRequest(SizeFor(size), after, before) { Scope = scope, Keys = _keys };
    }

    private int SizeFor(int? wanted)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(wanted.GetValueOrDefault(), "size");
        return wanted is null or 0 ? _options.DefaultPageSize : Math.Min(wanted.Value, _options.MaxPageSize);
    }
}
