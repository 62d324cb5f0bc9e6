namespace Scaling.Batching.Internal;

/// <summary>Lets the callers of a batch go on: many continuations, few work items of the thread pool.</summary>
/// <remarks>
/// A work item for each caller costs more than most callers do with it. But a caller may block for ever, and must not hold up the
/// others. So a runner hands on before it runs:
/// <list type="number">
/// <item>A runner that sees more than one caller puts the relay into the pool's queue once more, and only then takes a caller.</item>
/// <item>So while callers are left, a successor stands in the queue, whatever those do who were taken. A blocked runner is a blocked
/// pool thread, and the pool gives the successor another one, as it would with a work item for each.</item>
/// <item>A successor that finds nobody ends the line.</item>
/// </list>
/// A runner takes a limited number and leaves the rest to its successor, which stands behind whatever else the pool has to do.
/// </remarks>
internal sealed class Relay<TItem, TResult>(PendingWrite<TItem, TResult>[] settled) : IThreadPoolWorkItem
{
    private const int PerRunner = 64;

    private int _callers, _taken;

    /// <summary>Takes over a caller who waits. The callers stand in the array that the batch has been settled from: their place is free.</summary>
    public void Add(PendingWrite<TItem, TResult> caller) => settled[_callers++] = caller;

    public void Start()
    {
        if (_callers > 0)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: true);
        }
    }

    public void Execute()
    {
        if (_callers - Volatile.Read(ref _taken) > 1)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }

        ExecutionContext? clean = ExecutionContext.Capture();
        for (int i = 0; i < PerRunner && Interlocked.Increment(ref _taken) is var next && next <= _callers; i++)
        {
            settled[next - 1].Execute();

            // What a caller leaves on the thread must not reach the next one; the pool cleans up after a work item only.
            SynchronizationContext.SetSynchronizationContext(null);
            if (clean is not null)
            {
                ExecutionContext.Restore(clean);
            }
        }
    }
}
