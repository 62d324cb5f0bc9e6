namespace Scaling.Batching.Internal;

/// <summary>Lets the callers of a batch go on: many continuations, few work items of the thread pool. When all have been, it tells the loop: it is a message as well.</summary>
/// <remarks>
/// A work item for each caller costs more than most callers do with it. But a caller may block for ever, and must not hold up the
/// others. So a runner hands on before it runs:
/// <list type="number">
/// <item>A runner that sees a caller left puts the relay into the pool's queue once more, and only then takes one.</item>
/// <item>So while callers are left, a successor stands in the queue, whatever those do who were taken. A blocked runner is a blocked
/// pool thread, and the pool gives the successor another one, as it would with a work item for each.</item>
/// <item>A successor that finds nobody ends the line. So somebody finds nobody, and the first who does tells the loop, though a caller
/// taken before may block for ever.</item>
/// </list>
/// A runner takes a limited number and leaves the rest to its successor, which stands behind whatever else the pool has to do. Most
/// callers come back with their next write at once; so now and then the loop is woken to take these in, lest it has all of them to do
/// at the end.
/// </remarks>
internal sealed class Relay<TItem, TResult>(Partition<TItem, TResult> partition, PendingWrite<TItem, TResult>[] settled, Action<Message> post)
    : Message, IThreadPoolWorkItem
{
    private const int PerRunner = 16, PerWake = 1024;

    private int _callers, _taken;
    private bool _tells;

    public Partition<TItem, TResult> Partition => partition;

    /// <summary>Takes over a caller who waits. The callers stand in the array that the batch has been settled from: their place is free.</summary>
    public void Add(PendingWrite<TItem, TResult> caller) => settled[_callers++] = caller;

    /// <summary>Starts. True: the relay will be posted to the loop when all callers have been let go on.</summary>
    /// <param name="tells">Whether the loop is interested.</param>
    public bool Start(bool tells)
    {
        _tells = tells && _callers > 1;
        if (_callers == 1)
        {
            ThreadPool.UnsafeQueueUserWorkItem(settled[0], preferLocal: true);
        }
        else if (_callers > 1)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: true);
        }

        return _tells;
    }

    public void Execute()
    {
        if (Volatile.Read(ref _taken) < _callers)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }

        ExecutionContext? clean = ExecutionContext.Capture();
        for (int i = 0; i < PerRunner; i++)
        {
            int next = Interlocked.Increment(ref _taken);
            if (next > _callers)
            {
                if (next == _callers + 1 && _tells)
                {
                    post(this);
                }

                return;
            }

            if (_tells && next % PerWake == 0)
            {
                post(new Wake());
            }

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
