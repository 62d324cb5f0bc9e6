using System.Runtime.CompilerServices;

namespace Scaling.Sharding.Internal;

/// <summary>Streams of all shards, merged as they are read.</summary>
internal static class StreamMerge
{
    public static async IAsyncEnumerable<TItem> ReadAsync<TItem>(
        IReadOnlyList<string> shards,
        Func<string, CancellationToken, IAsyncEnumerable<TItem>> open,
        IComparer<TItem> comparer,
        int maxFanOut,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ShardingMetrics.FannedOut(shards.Count);
        var merge = new KWayMerge<TItem>(shards, comparer, rejectEqual: false);
        var streams = new IAsyncEnumerator<TItem>?[shards.Count];
        var any = new bool[shards.Count];
        long rows = 0;
        try
        {
            // the first item of each is what takes a round trip: fetch those side by side
            var parallel = new ParallelOptions { MaxDegreeOfParallelism = maxFanOut, CancellationToken = cancellationToken };
            await Parallel.ForAsync(0, shards.Count, parallel, async (shard, token) =>
            {
                // the stream outlives this loop, so it gets the caller's token and not the loop's
                streams[shard] = Guard(shards[shard], () => open(shards[shard], cancellationToken).GetAsyncEnumerator(cancellationToken));
                any[shard] = await MoveAsync(shards[shard], streams[shard]!).ConfigureAwait(false);
            }).ConfigureAwait(false);

            for (int shard = 0; shard < streams.Length; shard++)
            {
                Push(shard, any[shard]);
            }

            while (merge.TryPop(out int shard, out TItem item))
            {
                yield return item;
                Push(shard, await MoveAsync(shards[shard], streams[shard]!).ConfigureAwait(false));
            }
        }
        finally
        {
            ShardingMetrics.ReadForMerge(rows);
            await Task.WhenAll(streams.OfType<IAsyncEnumerator<TItem>>().Select(stream => stream.DisposeAsync().AsTask())).ConfigureAwait(false);
        }

        void Push(int shard, bool hasItem)
        {
            if (hasItem)
            {
                rows++;
                merge.Push(shard, streams[shard]!.Current);
            }
        }
    }

    private static async ValueTask<bool> MoveAsync<TItem>(string shard, IAsyncEnumerator<TItem> stream)
    {
        try
        {
            return await stream.MoveNextAsync().ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            ShardingMetrics.Failed(shard);
            throw new ShardException(shard, exception.Message, exception);
        }
    }

    private static TResult Guard<TResult>(string shard, Func<TResult> open)
    {
        try
        {
            return open();
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            ShardingMetrics.Failed(shard);
            throw new ShardException(shard, exception.Message, exception);
        }
    }
}
