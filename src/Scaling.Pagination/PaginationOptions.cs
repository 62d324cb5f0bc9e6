namespace Scaling.Pagination;

/// <summary>What a service lets its callers ask for. Bindable from configuration (keys in Base64).</summary>
public sealed class PaginationOptions
{
    /// <summary>Rows per page when the caller names no size. Default: 20.</summary>
    public int DefaultPageSize { get; set; } = 20;

    /// <summary>Rows per page at most; a larger wish is cut to it. Default: 100.</summary>
    public int MaxPageSize { get; set; } = 100;

    /// <summary>Keys that sign cursors, at least 32 bytes each: the first signs, all verify. Default: none, cursors are checksummed only.</summary>
    public IList<byte[]> SigningKeys { get; } = [];

    internal CursorKeys? Keys => SigningKeys.Count > 0 ? new CursorKeys(SigningKeys[0], SigningKeys.Skip(1)) : null;

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxPageSize, 1);
        ArgumentOutOfRangeException.ThrowIfEqual(MaxPageSize, int.MaxValue);
        ArgumentOutOfRangeException.ThrowIfLessThan(DefaultPageSize, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(DefaultPageSize, MaxPageSize);
        _ = Keys;
    }
}
