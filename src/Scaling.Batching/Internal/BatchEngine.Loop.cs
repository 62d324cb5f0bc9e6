namespace Scaling.Batching.Internal;

internal sealed partial class BatchEngine<TItem, TResult>
{
    private readonly Ledger _ledger = new();
    private readonly HashSet<Batch<TItem, TResult>> _inFlight = [];
    private Message? _unhandled;
    private long _now, _since, _sequence;

    /// <summary>Runs the loop; the mailbox sees to it that only one thread at a time does.</summary>
    /// <remarks>
    /// A batch that is ready when the loop lies down starts here, which spares it a hop. By then the loop is free to run on another
    /// thread, should the delegate block this one.
    /// </remarks>
    void IThreadPoolWorkItem.Execute() => RunUntilNothingIsToDo()?.Execute();

    private Batch<TItem, TResult>? RunUntilNothingIsToDo()
    {
        try
        {
            while (true)
            {
                HandleMessages();
                SendWhatIsReady();
                if (IsFinished)
                {
                    break;
                }

                Batch<TItem, TResult>? batch = _toRunHere;
                _toRunHere = null;
                if (_mailbox.TryRest(Rest))
                {
                    return batch;
                }

                Start(batch);
            }
        }
        catch (Exception error)
        {
            // Only code of the caller's can get here: Equals or GetHashCode of a key, a listener of the metrics.
            Break(error);
        }

        End();
        return null;
    }

    private void Break(Exception error)
    {
        Log.Broken(error);
        _gate.Close();
        RejectQueued(error);
        RefuseAll(_unhandled, error);
        foreach (Batch<TItem, TResult> batch in _inFlight)
        {
            batch.Abort();
            Abandon(batch);
        }
    }

    /// <summary>From here on the mailbox takes nothing, and every flush finds everything settled.</summary>
    private void End()
    {
        RefuseAll(_mailbox.Close(), null);
        _ledger.SettleAll();
        _grace?.Dispose();
        _timer.Dispose();
        _metrics.Dispose();
        _ended.SetResult();
    }

    private bool IsFinished => _isAbandoned || (_inFlight.Count == 0 && _gate.IsFinished);

    private void HandleMessages()
    {
        _unhandled = _mailbox.TakeAll();
        _now = _time.GetTimestamp();
        _since = _unhandled?.PostedAt ?? _now;
        while (_unhandled is { } message)
        {
            Handle(message);
            (_unhandled, message.Next) = (message.Next, null);
        }
    }

    private void Handle(Message message)
    {
        switch (message)
        {
            case PendingWrite<TItem, TResult> write:
                Take(write);
                break;
            case Batch<TItem, TResult> batch:
                TakeBack(batch);
                break;
            case Relay<TItem, TResult> relay:
                relay.Partition.Window.WentOn();
                Touch(relay.Partition);
                break;
            case Answers<TItem, TResult> answers:
                answers.Partition.Window.Answered(answers.Callers, _now);
                break;
            case Flush flush:
                _ledger.Add(flush);
                TouchAll();
                break;
            case DeadlinePassed:
                BeginAbort();
                break;
            case GracePassed:
                EndAbort();
                break;
            default: // a wake: a timer fired or the gate changed
                _timerAt = long.MaxValue;
                TouchAll();
                break;
        }
    }

    private void Take(PendingWrite<TItem, TResult> write)
    {
        Partition<TItem, TResult> partition = PartitionOf(write.Partition);
        write.ArrivedAt = _since;
        write.Epoch = _ledger.Epoch;
        write.Sequence = _sequence++;
        _ledger.Enter();
        partition.Add(write, _now);
        Touch(partition);
        if (_isAborting)
        {
            RejectQueued(null);
        }
    }

    private void TakeBack(Batch<TItem, TResult> batch)
    {
        _inFlight.Remove(batch);
        batch.Partition.Complete(batch, _now);
        foreach ((long epoch, int writes) in batch.Epochs)
        {
            _ledger.Leave(epoch, writes);
        }

        Touch(batch.Partition);
    }
}
