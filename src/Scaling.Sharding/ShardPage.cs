namespace Scaling.Sharding;

/// <summary>One page of a list that is spread over all shards.</summary>
/// <typeparam name="TItem">An item of the list.</typeparam>
public sealed class ShardPage<TItem>
{
    internal ShardPage(IReadOnlyList<TItem> items, string? next) => (Items, Next) = (items, next);

    /// <summary>The items, in order.</summary>
    public IReadOnlyList<TItem> Items { get; }

    /// <summary>The cursor of the last item when more follow; null at the end of the list.</summary>
    public string? Next { get; }
}
