namespace Scaling.Batching.Internal;

/// <summary>What the loop does when all that happened has been taken in: it sends what is ready, and sets the alarm for the rest.</summary>
internal sealed partial class BatchEngine<TItem, TResult>
{
    private static readonly TimeSpan s_shortestPause = TimeSpan.FromMicroseconds(25), s_longestPause = TimeSpan.FromMilliseconds(10);

    private readonly ITimer _timer;
    private readonly Dictionary<object, Partition<TItem, TResult>> _partitions = [];
    private readonly List<Partition<TItem, TResult>> _touched = [];
    private Partition<TItem, TResult>? _onlyPartition;
    private Batch<TItem, TResult>? _toRunHere;
    private long _timerAt = long.MaxValue;

    /// <summary>
    /// While no batch can go, a further write need not wake the loop. (One that fills a batch during a pause could: it waits for the end of
    /// the pause with the others.)
    /// </summary>
    private Sleep Rest => _partitions.Count == 0 && _onlyPartition is { Window.HasDelay: false } only && !_isAborting
        && (only.InFlight == _options.MaxConcurrentBatches || (only.Waiting > 0 && only.Window.IsPaused(_now))) // one waits, so the alarm is set
            ? Sleep.UntilMoreThanAWrite
            : Sleep.UntilAnyMessage;

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
        WindowState state = partition.Look(_ledger.IsFlushing || _gate.IsClosed);
        SendReason reason = partition.Window.Decide(state, _now, out long askAgainAt);
        if (reason == SendReason.None)
        {
            AskAgainAt(askAgainAt);
            return false;
        }

        int size = Math.Min(partition.Window.Share(state), state.Waiting);
        var batch = new Batch<TItem, TResult>(_runner, partition, size) { Reason = reason, SentAt = _now };
        _inFlight.Add(batch);
        while (batch.Count < size && partition.TakeFor(batch) is { } write)
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

        partition.Send(batch, reason);
        if (batch.Count == 0)
        {
            _inFlight.Remove(batch); // everyone had cancelled, or waits for a key
            partition.Complete(batch, _now);
            return true;
        }

        _metrics.Sent(reason, batch.Count, _time.GetElapsedTime(state.OldestAt, _now));
        Start(_toRunHere);
        _toRunHere = batch;
        return true;
    }

    private static void Start(Batch<TItem, TResult>? batch)
    {
        if (batch is not null)
        {
            ThreadPool.UnsafeQueueUserWorkItem(batch, preferLocal: false); // a delegate that blocks its thread must not block the loop
        }
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
        new(_options.MaxBatchSize, _options.MaxConcurrentBatches, InTimestamps(_options.MaxDelay), InTimestamps(s_shortestPause), InTimestamps(s_longestPause));

    private long InTimestamps(TimeSpan time) => (long)(time.TotalSeconds * _time.TimestampFrequency);

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
            double due = _time.GetElapsedTime(_now, at).TotalMilliseconds;
            _timer.Change(TimeSpan.FromMilliseconds(Math.Ceiling(due)), Timeout.InfiniteTimeSpan); // a part of a millisecond would be cut off: early, and then once more
        }
    }
}
