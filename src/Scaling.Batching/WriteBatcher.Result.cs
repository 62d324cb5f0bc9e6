using Scaling.Batching.Internal;

namespace Scaling.Batching;

/// <summary>Turns many concurrent single writes into few large ones, and gives every caller the result of its own.</summary>
/// <typeparam name="TItem">What is written.</typeparam>
/// <typeparam name="TResult">What the store answers for each item.</typeparam>
/// <remarks>
/// <para>A completed task means that the write delegate has returned: with <see cref="PostgresInsert{T}"/>, that the row is committed.
/// A bad row faults its own task only. A write cancelled while queued is never made; once it has been sent, its caller gets
/// the true outcome.</para>
/// <para>The delegate is called with a list of items and returns one result per item, in order. When it throws, nothing may
/// have been written; if it cannot promise that, it throws <see cref="WriteOutcomeUnknownException"/>. If it knows the one
/// item at fault it throws <see cref="RowFaultException"/>; otherwise the batch is split until the fault is found.</para>
/// <para>All members are thread-safe. Await each returned task once, as for every <see cref="ValueTask"/>.</para>
/// </remarks>
public sealed class WriteBatcher<TItem, TResult> : IAsyncDisposable
{
    private readonly BatchEngine<TItem, TResult> _engine;

    /// <summary>Starts a batcher.</summary>
    /// <param name="write">Writes a list of items; see the remarks on the type for what it promises.</param>
    /// <param name="options">How to batch; a <see cref="WriteBatcherOptions{TItem}"/> of the same item type also looks at items.</param>
    /// <param name="timeProvider">The clock for windows and timeouts. Default: the system's.</param>
    /// <exception cref="ArgumentException">An option is out of its range, or the options are for another item type.</exception>
    public WriteBatcher(
        Func<IReadOnlyList<TItem>, CancellationToken, Task<IReadOnlyList<TResult>>> write,
        WriteBatcherOptions? options = null,
        TimeProvider? timeProvider = null)
    {
        ArgumentNullException.ThrowIfNull(write);
        _engine = new(write, options ?? new(), timeProvider ?? TimeProvider.System);
    }

    /// <summary>Writes one item. The task completes when the item is committed.</summary>
    /// <param name="item">The item.</param>
    /// <param name="cancellationToken">
    /// Takes the write back as long as it is queued. Once it has been sent the token cancels the batch only if every caller in
    /// it has cancelled too; until the outcome is known the task stays pending.
    /// </param>
    /// <returns>The result for this item.</returns>
    /// <exception cref="OperationCanceledException">The write was cancelled and not made.</exception>
    /// <exception cref="WriteRejectedException">The batcher is full or stopped; the write was not made.</exception>
    /// <exception cref="WriteOutcomeUnknownException">The write may or may not have been made.</exception>
    public ValueTask<TResult> WriteAsync(TItem item, CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<TResult>(cancellationToken);
        }

        PendingWrite<TItem, TResult> write = _engine.Enqueue(item, cancellationToken);
        return new ValueTask<TResult>(write, write.Version);
    }

    /// <summary>Sends at once whatever is queued, and completes when every write made before this call has its outcome.</summary>
    /// <param name="cancellationToken">Stops waiting; the writes go on.</param>
    public Task FlushAsync(CancellationToken cancellationToken = default) => _engine.FlushAsync(cancellationToken);

    /// <summary>Refuses new writes, settles those already made, and completes when none is left.</summary>
    /// <param name="deadline">
    /// Ends the patience: queued writes are then rejected, batches in flight are cancelled, and two seconds later
    /// every write still open gets <see cref="WriteOutcomeUnknownException"/>. No task is left pending.
    /// </param>
    public Task StopAsync(CancellationToken deadline = default) => _engine.StopAsync(deadline);

    /// <summary>As <see cref="StopAsync"/> with a deadline 30 seconds from now.</summary>
    public ValueTask DisposeAsync() => _engine.DisposeAsync();
}
