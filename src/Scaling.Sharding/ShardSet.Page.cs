using System.Runtime.CompilerServices;
using Scaling.Sharding.Internal;

namespace Scaling.Sharding;

/// <content>Lists over all shards: by page, and as a stream.</content>
public sealed partial class ShardSet<T>
{
    /// <summary>Reads one page of a list that is spread over all shards, by keyset.</summary>
    /// <remarks>
    /// <para>There is one cursor, that of the last item returned: in a total order "after this item" means the same on every
    /// shard. So the cursor stays short however many shards there are, and stays right when shards come and go between two pages.</para>
    /// <para>Each shard is asked for one page; limits as for <see cref="QueryAllAsync"/>. A shard that fails, fails the page.</para>
    /// </remarks>
    /// <param name="order">The order of the list.</param>
    /// <param name="query">A shard's page: at most so many items, in that order, that come after a cursor; null for the start. Any function will do.</param>
    /// <param name="size">Items per page.</param>
    /// <param name="after">Where to go on: <see cref="ShardPage{TItem}.Next"/> or the cursor of any item; null for the start.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <typeparam name="TItem">An item of the list.</typeparam>
    /// <returns>The page.</returns>
    /// <exception cref="ShardException">A shard failed, was late, returned items out of order, or one that compares equal to another shard's.</exception>
    public async Task<ShardPage<TItem>> QueryPageAsync<TItem>(
        ShardOrder<TItem> order,
        Func<T, string?, int, CancellationToken, Task<IReadOnlyList<TItem>>> query,
        int size,
        string? after = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(order);
        ArgumentNullException.ThrowIfNull(query);
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        ArgumentOutOfRangeException.ThrowIfEqual(size, int.MaxValue);
        State state = await FreshStateAsync(cancellationToken).ConfigureAwait(false);

        // one more than the page, so that whether another page follows is known and not guessed
        ShardResult<List<TItem>>[] pages = await AskAllAsync(
            state,
            (shard, resource, token) => ShardPageReader.ReadAsync(order, shard, state.Map, (cursor, count, ct) => query(resource, cursor, count, ct), size + 1, after, token),
            failFast: true,
            cancellationToken).ConfigureAwait(false);

        var sources = Array.ConvertAll(pages, page => (IEnumerator<TItem>)page.Value.GetEnumerator());
        var merge = new KWayMerge<TItem>(state.Map.Shards, order.Comparer, rejectEqual: true);
        for (int shard = 0; shard < sources.Length; shard++)
        {
            if (sources[shard].MoveNext())
            {
                merge.Push(shard, sources[shard].Current);
            }
        }

        var items = new List<TItem>(size);
        while (items.Count < size && merge.TryPop(out int shard, out TItem item))
        {
            items.Add(item);
            if (sources[shard].MoveNext())
            {
                merge.Push(shard, sources[shard].Current);
            }
        }

        merge.RequireNoEqualHead();
        return new ShardPage<TItem>(items, merge.IsEmpty ? null : order.Cursor(items[^1]));
    }

    /// <summary>Merges the sorted streams of all shards into one sorted stream, reading each only as far as the consumer goes.</summary>
    /// <remarks>Items that compare equal come in the order of the map's shards. Leaving the loop closes every stream. A shard that fails, fails the stream.</remarks>
    /// <param name="query">A shard's stream, in ascending order of <paramref name="comparer"/>.</param>
    /// <param name="comparer">The order that every shard promises.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <typeparam name="TItem">An item of the streams.</typeparam>
    /// <returns>All items of all shards, in order.</returns>
    /// <exception cref="ShardException">While reading: a shard failed, or is not in the order it promised.</exception>
    public IAsyncEnumerable<TItem> MergeAsync<TItem>(
        Func<T, CancellationToken, IAsyncEnumerable<TItem>> query, IComparer<TItem> comparer, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(comparer);
        return ReadMergedAsync(query, comparer, cancellationToken);
    }

    private async IAsyncEnumerable<TItem> ReadMergedAsync<TItem>(
        Func<T, CancellationToken, IAsyncEnumerable<TItem>> query, IComparer<TItem> comparer, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        State state = await FreshStateAsync(cancellationToken).ConfigureAwait(false);
        IAsyncEnumerable<TItem> merged = StreamMerge.ReadAsync(
            state.Map.Shards, (shard, token) => query(state.Resources[shard], token), comparer, _options.MaxFanOut, cancellationToken);
        await foreach (TItem item in merged.ConfigureAwait(false))
        {
            yield return item;
        }
    }
}
