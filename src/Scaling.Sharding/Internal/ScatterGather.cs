namespace Scaling.Sharding.Internal;

/// <summary>One question to many shards: so many at a time, until a deadline, one result each.</summary>
internal static class ScatterGather
{
    public static async Task<ShardResult<TResult>[]> AskAsync<TResult>(
        IReadOnlyList<string> shards,
        Func<string, CancellationToken, Task<TResult>> query,
        bool failFast,
        ShardSetOptions options,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        ShardingMetrics.FannedOut(shards.Count);
        var results = new ShardResult<TResult>[shards.Count];
        using var deadline = new CancellationTokenSource(options.QueryTimeout, time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token);
        int next = -1;
        var workers = new Task[Math.Min(options.MaxFanOut, shards.Count)];
        for (int i = 0; i < workers.Length; i++)
        {
            workers[i] = WorkAsync();
        }

        await Task.WhenAll(workers).ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
        return failFast ? RequireAll(results) : results;

        async Task WorkAsync()
        {
            for (int i; (i = Interlocked.Increment(ref next)) < shards.Count;)
            {
                results[i] = await AskOneAsync(shards[i]).ConfigureAwait(false);
                if (failFast && results[i].Error is not null)
                {
                    await stop.CancelAsync().ConfigureAwait(false);
                }
            }
        }

        async Task<ShardResult<TResult>> AskOneAsync(string shard)
        {
            try
            {
                // WaitAsync: a query that ignores its token must not hold the caller beyond the deadline.
                stop.Token.ThrowIfCancellationRequested();
                return new ShardResult<TResult>(shard, await query(shard, stop.Token).WaitAsync(stop.Token).ConfigureAwait(false));
            }
            catch (OperationCanceledException exception) when (deadline.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                ShardingMetrics.Failed(shard);
                return new ShardResult<TResult>(shard, new ShardException(shard, $"no answer within {options.QueryTimeout}.", new TimeoutException(exception.Message, exception)));
            }
            catch (OperationCanceledException exception) when (stop.IsCancellationRequested)
            {
                return new ShardResult<TResult>(shard, new ShardException(shard, "not asked to the end, because the query was given up.", exception));
            }
            catch (ShardException exception)
            {
                ShardingMetrics.Failed(shard);
                return new ShardResult<TResult>(shard, exception);
            }
            catch (Exception exception)
            {
                ShardingMetrics.Failed(shard);
                return new ShardResult<TResult>(shard, new ShardException(shard, exception.Message, exception));
            }
        }
    }

    /// <summary>Throws the error of the shard that failed, not of one that was stopped because of it.</summary>
    private static ShardResult<TResult>[] RequireAll<TResult>(ShardResult<TResult>[] results)
    {
        ShardException? error = null;
        foreach (ShardResult<TResult> result in results)
        {
            if (result.Error is { } candidate && (error is null || error.InnerException is OperationCanceledException))
            {
                error = candidate;
            }
        }

        return error is null ? results : throw error;
    }
}
