using System.Threading.Tasks.Sources;

namespace Scaling.Batching.Internal;

/// <summary>A caller's continuation: left here, and run on the thread pool, never by the batch that settles the write.</summary>
/// <remarks>
/// Getting there allocates nothing: the write is its own work item, and with a batch it goes by <see cref="Relay{TItem, TResult}"/>.
/// A synchronization context or scheduler that the caller wants to come back to is called from there as well: one that blocks, throws
/// or runs on the spot what it should have taken elsewhere harms its own caller alone.
/// </remarks>
internal sealed partial class PendingWrite<TItem, TResult> : IThreadPoolWorkItem
{
    private Action<object?>? _continuation;
    private object? _continuationState, _context;
    private ExecutionContext? _flow;

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
    {
        if ((StateFor(token) & Awaited) != 0)
        {
            throw new InvalidOperationException("The task of a write is awaited twice. Use AsTask() to share it.");
        }

        (_continuation, _continuationState) = (continuation, state);
        _context = (flags & ValueTaskSourceOnCompletedFlags.UseSchedulingContext) != 0 ? ContextToComeBackTo() : null;
        _flow = (flags & ValueTaskSourceOnCompletedFlags.FlowExecutionContext) != 0 ? ExecutionContext.Capture() : null;
        if ((Interlocked.Or(ref _state, Awaited) & Completed) != 0)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: true);
        }
    }

    /// <summary>Runs the continuation, or hands it to the context that the caller wants to come back to.</summary>
    public void Execute()
    {
        if (_context is null)
        {
            Continue();
            return;
        }

        try
        {
            if (_context is SynchronizationContext context)
            {
                context.Post(static write => ((PendingWrite<TItem, TResult>)write!).Continue(), this);
            }
            else
            {
                Task.Factory.StartNew(
                    static write => ((PendingWrite<TItem, TResult>)write!).Continue(), this, default, TaskCreationOptions.DenyChildAttach, (TaskScheduler)_context);
            }
        }
        catch (Exception error)
        {
            _engine?.Log.ContextThrew(error);
        }
    }

    private void Continue()
    {
        // Taken out before the call, which may send the write into its next life.
        Action<object?> continuation = _continuation!;
        object? state = _continuationState;
        ExecutionContext? flow = _flow;
        (_continuation, _continuationState, _context, _flow) = (null, null, null, null);
        if (flow is null)
        {
            continuation(state);
        }
        else
        {
            ExecutionContext.Run(flow, new ContextCallback(continuation), state);
        }
    }

    private static object? ContextToComeBackTo() =>
        SynchronizationContext.Current is { } context && context.GetType() != typeof(SynchronizationContext) ? context // the base class is the thread pool
        : TaskScheduler.Current != TaskScheduler.Default ? TaskScheduler.Current
        : null;
}
