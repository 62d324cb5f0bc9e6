namespace Scaling.Batching.Internal;

/// <summary>The hard end of a stop whose deadline has passed. A stop in time needs none of this: it just drains.</summary>
internal sealed partial class BatchEngine<TItem, TResult>
{
    private ITimer? _grace;
    private bool _isAborting, _isAbandoned;

    private void BeginAbort()
    {
        if (_isAborting)
        {
            return;
        }

        _isAborting = true;
        Log.Aborting(_gate.Pending, _inFlight.Count);
        RejectQueued(null);
        foreach (Batch<TItem, TResult> batch in _inFlight)
        {
            batch.Abort();
        }

        _grace = _time.CreateTimer(
            static engine => ((BatchEngine<TItem, TResult>)engine!).Post(new GracePassed()), this, WriteCall<TItem, TResult>.Grace, Timeout.InfiniteTimeSpan);
    }

    private void EndAbort()
    {
        _isAbandoned = true;
        foreach (Batch<TItem, TResult> batch in _inFlight)
        {
            Abandon(batch);
        }
    }

    private void Abandon(Batch<TItem, TResult> batch)
    {
        int writes = batch.Abandon(new WriteOutcomeUnknownException(
            "The batcher was stopped while its write delegate was running, and the delegate ignored its cancellation token. It may still write."), out _);
        if (writes > 0)
        {
            Log.Abandoned(writes);
            _metrics.Ended(WriteOutcome.Unknown, writes);
        }
    }

    private void RejectQueued(Exception? cause)
    {
        foreach (Message message in _gate.TakeLine())
        {
            Refuse(message, cause);
        }

        foreach (Partition<TItem, TResult> partition in _partitions.Values.Append(_onlyPartition).OfType<Partition<TItem, TResult>>())
        {
            foreach (PendingWrite<TItem, TResult> write in partition.TakeAll())
            {
                Refuse(write, cause);
                Drop(write);
            }
        }
    }

    private void RefuseAll(Message? first, Exception? cause)
    {
        for (Message? message = first; message is not null; message = message.Next)
        {
            Refuse(message, cause);
        }
    }

    private void Refuse(Message message, Exception? cause)
    {
        if (message is Flush flush)
        {
            flush.Complete();
        }
        else if (message is PendingWrite<TItem, TResult> write && write.TryReject(WriteRejectedException.Stopped(cause)))
        {
            _metrics.Ended(WriteOutcome.Rejected);
        }
    }
}
