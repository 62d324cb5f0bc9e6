using Scaling.Sharding.Internal;

namespace Scaling.Sharding;

/// <content>Scatter-gather: one question to every shard.</content>
public sealed partial class ShardSet<T>
{
    /// <summary>Asks every shard at once and gathers all answers, or throws: it never returns fewer answers than shards.</summary>
    /// <remarks>
    /// Asks at most <see cref="ShardSetOptions.MaxFanOut"/> shards at a time and waits at most
    /// <see cref="ShardSetOptions.QueryTimeout"/>, even for a query that ignores its token. The first failure cancels the other shards' queries.
    /// </remarks>
    /// <param name="query">The question, given the resource of a shard.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <typeparam name="TResult">The answer of one shard.</typeparam>
    /// <returns>One answer per shard, in the order of the map's <see cref="IShardMap.Shards"/>.</returns>
    /// <exception cref="ShardException">A shard failed or was late; it names the shard and carries the cause.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public async Task<IReadOnlyList<TResult>> QueryAllAsync<TResult>(Func<T, CancellationToken, Task<TResult>> query, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        State state = await FreshStateAsync(cancellationToken).ConfigureAwait(false);
        ShardResult<TResult>[] results = await AskAllAsync(state, (_, resource, token) => query(resource, token), failFast: true, cancellationToken).ConfigureAwait(false);
        return Array.ConvertAll(results, result => result.Value);
    }

    /// <summary>Asks every shard at once and gathers what comes: an answer or an error from each of them.</summary>
    /// <remarks>Limits as for <see cref="QueryAllAsync"/>; a shard that fails or is late does not disturb the others.</remarks>
    /// <param name="query">The question, given the resource of a shard.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <typeparam name="TResult">The answer of one shard.</typeparam>
    /// <returns>Exactly one result per shard, in the order of the map's <see cref="IShardMap.Shards"/>.</returns>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public async Task<IReadOnlyList<ShardResult<TResult>>> TryQueryAllAsync<TResult>(Func<T, CancellationToken, Task<TResult>> query, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        State state = await FreshStateAsync(cancellationToken).ConfigureAwait(false);
        return await AskAllAsync(state, (_, resource, token) => query(resource, token), failFast: false, cancellationToken).ConfigureAwait(false);
    }

    private Task<ShardResult<TResult>[]> AskAllAsync<TResult>(
        State state, Func<string, T, CancellationToken, Task<TResult>> query, bool failFast, CancellationToken cancellationToken) =>
        ScatterGather.AskAsync(
            state.Map.Shards,
            (shard, token) => query(shard, state.Resources[shard], token),
            failFast,
            _options,
            _time,
            cancellationToken);
}
