using Scaling.Batching.Internal;

namespace Scaling.Batching;

/// <summary>Turns many concurrent single writes into few large ones, for writes that return nothing.</summary>
/// <typeparam name="TItem">What is written.</typeparam>
/// <remarks><inheritdoc cref="WriteBatcher{TItem, TResult}" path="/remarks"/></remarks>
public sealed class WriteBatcher<TItem> : IAsyncDisposable
{
    private readonly BatchEngine<TItem, Nothing> _engine;

    /// <inheritdoc cref="WriteBatcher{TItem, TResult}(Func{IReadOnlyList{TItem}, CancellationToken, Task{IReadOnlyList{TResult}}}, WriteBatcherOptions, TimeProvider)"/>
    public WriteBatcher(
        Func<IReadOnlyList<TItem>, CancellationToken, Task> write,
        WriteBatcherOptions? options = null,
        TimeProvider? timeProvider = null)
    {
        ArgumentNullException.ThrowIfNull(write);
        _engine = new(Nothing.AsResults(write), options ?? new(), timeProvider ?? TimeProvider.System);
    }

    /// <inheritdoc cref="WriteBatcher{TItem, TResult}.WriteAsync"/>
    /// <returns>A task that completes when the item is committed.</returns>
    public ValueTask WriteAsync(TItem item, CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellationToken);
        }

        PendingWrite<TItem, Nothing> write = _engine.Enqueue(item, cancellationToken);
        return new ValueTask(write, write.Version);
    }

    /// <inheritdoc cref="WriteBatcher{TItem, TResult}.FlushAsync"/>
    public Task FlushAsync(CancellationToken cancellationToken = default) => _engine.FlushAsync(cancellationToken);

    /// <inheritdoc cref="WriteBatcher{TItem, TResult}.StopAsync"/>
    public Task StopAsync(CancellationToken deadline = default) => _engine.StopAsync(deadline);

    /// <inheritdoc cref="WriteBatcher{TItem, TResult}.DisposeAsync"/>
    public ValueTask DisposeAsync() => _engine.DisposeAsync();
}
