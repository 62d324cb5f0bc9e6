namespace Scaling.Batching.Internal;

internal sealed partial class BatchEngine<TItem, TResult>
{
    private readonly ITimer _timer;
    private readonly Ledger _ledger = new();
    private readonly Dictionary<object, Partition<TItem, TResult>> _partitions = [];
    private readonly List<Partition<TItem, TResult>> _touched = [];
    private readonly HashSet<Batch<TItem, TResult>> _inFlight = [];
    private Partition<TItem, TResult>? _onlyPartition;
    private long _now, _sequence;
    private long _timerAt = long.MaxValue;

    private async Task RunAsync()
    {
        try
        {
            while (!IsFinished && await _mailbox.Reader.WaitToReadAsync().ConfigureAwait(false))
            {
                _now = _time.GetTimestamp();
                while (_mailbox.Reader.TryRead(out Message? message))
                {
                    Handle(message);
                }

                SendWhatIsReady();
            }
        }
        catch (Exception error)
        {
            // Only code of the caller's can get here: Equals or GetHashCode of a key.
            Log.Broken(error);
            _gate.Close();
            RejectQueued(error);
            foreach (Batch<TItem, TResult> batch in _inFlight)
            {
                batch.Abort();
                Abandon(batch);
            }
        }

        // From here on the mailbox takes nothing, and a flush that came too late finds everything settled.
        _mailbox.Writer.TryComplete();
        while (_mailbox.Reader.TryRead(out Message? late))
        {
            Refuse(late, null);
        }

        _grace?.Dispose();
        await _timer.DisposeAsync().ConfigureAwait(false);
        _metrics.Dispose();
    }

    private bool IsFinished => _isAbandoned || (_inFlight.Count == 0 && _gate.IsFinished);

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
        write.ArrivedAt = _now;
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
        batch.Partition.Complete(batch);
        foreach ((long epoch, int writes) in batch.Epochs)
        {
            _ledger.Leave(epoch, writes);
        }

        Touch(batch.Partition);
    }

    private void SendWhatIsReady()
    {
        foreach (Partition<TItem, TResult> partition in _touched)
        {
            partition.IsTouched = false;
            while (TrySend(partition))
            {
            }

            if (partition.Key is not null && partition.IsIdle)
            {
                Forget(partition);
            }
        }

        _touched.Clear();
    }

    /// <summary>True: a batch was sent, and another may be ready. False: there is nothing to do before the next message.</summary>
    private bool TrySend(Partition<TItem, TResult> partition)
    {
        partition.SeeAnswers(_now);
        SendReason reason = partition.Window.Decide(partition.Look(_ledger.IsFlushing || _gate.IsClosed), _now, out long askAgainAt);
        if (reason == SendReason.None)
        {
            AskAgainAt(askAgainAt);
            return false;
        }

        long oldest = partition.OldestAt;
        var batch = new Batch<TItem, TResult>(_runner, partition, Math.Min(_options.MaxBatchSize, partition.Waiting)) { Reason = reason };
        while (batch.Count < _options.MaxBatchSize && partition.TakeFor(batch) is { } write)
        {
            if (write.TryClaim(batch))
            {
                batch.Add(write);
            }
            else
            {
                Drop(write);
            }
        }

        partition.InFlight++;
        if (batch.Count == 0)
        {
            partition.Complete(batch); // everyone had cancelled, or waits for a key
            return true;
        }

        partition.Window.Sent(reason);
        _inFlight.Add(batch);
        _metrics.Sent(reason, batch.Count, _time.GetElapsedTime(oldest, _now));
        ThreadPool.UnsafeQueueUserWorkItem(batch, preferLocal: false); // a delegate that blocks its thread must not block the loop
        return true;
    }

    private void Drop(PendingWrite<TItem, TResult> write)
    {
        _ledger.Leave(write.Epoch, 1);
        _gate.Release(1, write.Bytes);
    }

    private Partition<TItem, TResult> PartitionOf(object? key)
    {
        if (key is null)
        {
            return _onlyPartition ??= new(null, NewWindow());
        }

        if (!_partitions.TryGetValue(key, out Partition<TItem, TResult>? partition))
        {
            _partitions.Add(key, partition = new(key, NewWindow()));
        }

        return partition;
    }

    /// <summary>Partitions come and go, and an idle one must not stay for ever; but for one delay it remembers whom it has answered.</summary>
    private void Forget(Partition<TItem, TResult> partition)
    {
        if (!_gate.IsClosed && partition.Window.Expects(_now, out long until))
        {
            AskAgainAt(until);
        }
        else
        {
            _partitions.Remove(partition.Key!);
        }
    }

    private BatchWindow NewWindow() =>
        new(_options.MaxBatchSize, _options.MaxConcurrentBatches, (long)(_options.MaxDelay.TotalSeconds * _time.TimestampFrequency));

    private void Touch(Partition<TItem, TResult> partition)
    {
        if (!partition.IsTouched)
        {
            partition.IsTouched = true;
            _touched.Add(partition);
        }
    }

    private void TouchAll()
    {
        if (_onlyPartition is not null)
        {
            Touch(_onlyPartition);
        }

        foreach (Partition<TItem, TResult> partition in _partitions.Values)
        {
            Touch(partition);
        }
    }

    private void AskAgainAt(long at)
    {
        if (at < _timerAt)
        {
            _timerAt = at;
            TimeSpan due = _time.GetElapsedTime(_now, at);
            _timer.Change(due + TimeSpan.FromTicks(1), Timeout.InfiniteTimeSpan); // a tick late is better than a tick early and once more
        }
    }
}
