namespace Scaling.Sharding;

/// <content>Work on one key that follows it when its slot moves.</content>
public sealed partial class ShardSet<T>
{
    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(5);

    private static readonly TimeSpan LongestRetryDelay = TimeSpan.FromMilliseconds(100);

    /// <summary>Runs an action on the shard that owns <paramref name="key"/>; if the shard's <see cref="ShardFence"/> refuses because the slot has moved, loads the newest map and runs it on the new owner.</summary>
    /// <remarks>
    /// A refusal undoes the whole statement, so running the action again is safe if each run is one transaction. Other errors are
    /// the caller's. A key in the middle of its cut-over waits a few milliseconds; the limit is <see cref="ShardSetOptions.QueryTimeout"/>.
    /// </remarks>
    /// <param name="key">A string, long, Guid or bytes.</param>
    /// <param name="action">The work, given the owner's resource; may run more than once.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <typeparam name="TResult">The result of the action.</typeparam>
    /// <returns>What the action returned.</returns>
    /// <exception cref="ShardException">No map that any shard accepts turned up in time; carries the last refusal.</exception>
    public async Task<TResult> ExecuteAsync<TResult>(ShardKey key, Func<T, CancellationToken, Task<TResult>> action, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(action);
        long started = _time.GetTimestamp();
        TimeSpan wait = FirstRetry;
        while (true)
        {
            State state = await FreshStateAsync(cancellationToken).ConfigureAwait(false);
            string shard = state.Map.GetShard(key);
            Internal.ShardingMetrics.Routed(shard);
            try
            {
                return await action(state.Resources[shard], cancellationToken).ConfigureAwait(false);
            }
            catch (Exception refusal) when (ShardFence.IsRefusal(refusal))
            {
                Internal.ShardingMetrics.Failed(shard);
                if (_options.QueryTimeout != Timeout.InfiniteTimeSpan && _time.GetElapsedTime(started) > _options.QueryTimeout)
                {
                    string why = _refresh?.Error is { } error ? $" (looking for one failed: {error.Message})" : "";
                    throw new ShardException(shard, $"it does not own the key's slot, and no newer map has come within {_options.QueryTimeout}{why}.", refusal);
                }
            }

            if (_refresh is not null)
            {
                await _refresh.LookAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
            }

            // With a newer map the new owner is asked at once. With the same one the slot is between its owners: a moment's patience.
            if (ReferenceEquals(state, _state))
            {
                using var enough = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
                await Task.WhenAny(state.Superseded.Task, Task.Delay(wait, _time, enough.Token)).ConfigureAwait(false);
                await enough.CancelAsync().ConfigureAwait(false);
                cancellationToken.ThrowIfCancellationRequested();
                wait = wait * 2 < LongestRetryDelay ? wait * 2 : LongestRetryDelay;
            }
        }
    }
}
