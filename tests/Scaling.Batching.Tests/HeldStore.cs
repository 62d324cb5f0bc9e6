using System.Collections.Concurrent;

namespace Scaling.Batching.Tests;

/// <summary>A store in memory whose calls wait until the test lets them go.</summary>
internal sealed class HeldStore<T>
{
    private readonly ConcurrentQueue<Call> _waiting = new();

    public ConcurrentQueue<Call> Calls { get; } = new();

    /// <summary>Results are the items themselves.</summary>
    public Task<IReadOnlyList<T>> WriteAsync(IReadOnlyList<T> items, CancellationToken cancellationToken)
    {
        var call = new Call([.. items], cancellationToken);
        Calls.Enqueue(call);
        _waiting.Enqueue(call);
        return call.Task;
    }

    /// <summary>The next call that has not been taken yet.</summary>
    public async Task<Call> NextAsync()
    {
        Call? call = null;
        await Eventually.HoldsAsync(() => _waiting.TryDequeue(out call), "a call of the write delegate");
        return call!;
    }

    /// <summary>The next call that has not been taken yet, if there is one.</summary>
    public Call? TryNext() => _waiting.TryDequeue(out Call? call) ? call : null;

    internal sealed class Call(T[] items, CancellationToken token)
    {
        private readonly TaskCompletionSource<IReadOnlyList<T>> _end = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public T[] Items { get; } = items;

        public CancellationToken Token { get; } = token;

        public Task<IReadOnlyList<T>> Task => _end.Task;

        public void Commit() => _end.TrySetResult(Items);

        public void Fail(Exception error) => _end.TrySetException(error);

        public void Answer(IReadOnlyList<T> results) => _end.TrySetResult(results);
    }
}
