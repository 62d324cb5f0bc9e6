using System.Threading.Tasks.Sources;

namespace Scaling.Batching.Internal;

/// <summary>A caller's continuation runs on the thread pool, never inside the batch that settles the write, and getting there allocates nothing.</summary>
/// <remarks>
/// <c>RunContinuationsAsynchronously</c> would do the same with one work item allocated per write. Here the write is the work item:
/// <list type="number">
/// <item>The caller leaves its continuation in the write, and in the core a trampoline that queues the write to the pool.</item>
/// <item>Setting the outcome runs the trampoline on the batch's thread: a push to the pool's queue, no more.</item>
/// <item>The pool runs the write, which takes the continuation out before it calls it: the call may send the write into its next life.</item>
/// </list>
/// A synchronization context or a scheduler that the caller wants to come back to gets the continuation itself; both take it elsewhere.
/// </remarks>
internal sealed partial class PendingWrite<TItem, TResult> : IThreadPoolWorkItem
{
    private static readonly Action<object?> s_queue = static write => ThreadPool.UnsafeQueueUserWorkItem((PendingWrite<TItem, TResult>)write!, preferLocal: true);

    private Action<object?>? _continuation;
    private object? _continuationState;
    private ExecutionContext? _flow;

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
    {
        if ((flags & ValueTaskSourceOnCompletedFlags.UseSchedulingContext) != 0
            && (SynchronizationContext.Current is not null || TaskScheduler.Current != TaskScheduler.Default))
        {
            _outcome.OnCompleted(continuation, state, token, flags);
            return;
        }

        if (token == _outcome.Version)
        {
            if (_continuation is not null)
            {
                throw new InvalidOperationException("The task of a write is awaited twice. Use AsTask() to share it.");
            }

            (_continuation, _continuationState) = (continuation, state);
            _flow = (flags & ValueTaskSourceOnCompletedFlags.FlowExecutionContext) != 0 ? ExecutionContext.Capture() : null;
        }

        _outcome.OnCompleted(s_queue, this, token, ValueTaskSourceOnCompletedFlags.None); // throws for a stale token
    }

    void IThreadPoolWorkItem.Execute()
    {
        Action<object?> continuation = _continuation!;
        object? state = _continuationState;
        ExecutionContext? flow = _flow;
        (_continuation, _continuationState, _flow) = (null, null, null);
        if (flow is null)
        {
            continuation(state);
        }
        else
        {
            ExecutionContext.Run(flow, new ContextCallback(continuation), state);
        }
    }
}
