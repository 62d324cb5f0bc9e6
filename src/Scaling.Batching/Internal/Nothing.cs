namespace Scaling.Batching.Internal;

/// <summary>The result of a write that returns nothing.</summary>
internal readonly struct Nothing
{
    /// <summary>Lets a delegate without results serve the engine, which always counts them.</summary>
    public static Func<IReadOnlyList<TItem>, CancellationToken, Task<IReadOnlyList<Nothing>>> AsResults<TItem>(
        Func<IReadOnlyList<TItem>, CancellationToken, Task> write) =>
        async (items, cancellationToken) =>
        {
            Task task = write(items, cancellationToken)
                ?? throw new WriteOutcomeUnknownException("The write delegate returned null instead of a task.");
            await task.ConfigureAwait(false);
            return new Nothing[items.Count];
        };
}
