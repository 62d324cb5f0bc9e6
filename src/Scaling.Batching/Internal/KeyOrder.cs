namespace Scaling.Batching.Internal;

/// <summary>Keeps writes of one key in order while batches of other keys run beside them: a key is in one batch at a time.</summary>
/// <remarks>
/// A write whose key is in another batch is parked under that key. When the batch comes back its parked writes are resumed, and
/// resumed writes go before the queue, oldest first: every parked write is older than any of its key that is still queued.
/// </remarks>
internal sealed class KeyOrder<TItem, TResult>
{
    private readonly Dictionary<object, Held> _held = [];
    private readonly PriorityQueue<PendingWrite<TItem, TResult>, long> _resumed = new();

    public int Resumed => _resumed.Count;

    public int Parked { get; private set; }

    public long OldestResumedAt => PeekResumed()?.ArrivedAt ?? long.MaxValue;

    public PendingWrite<TItem, TResult>? PeekResumed() =>
        _resumed.TryPeek(out PendingWrite<TItem, TResult>? write, out _) ? write : null;

    public PendingWrite<TItem, TResult>? TakeResumed() =>
        _resumed.TryDequeue(out PendingWrite<TItem, TResult>? write, out _) ? write : null;

    /// <summary>True: the write may go into the batch, and its key belongs to the batch until it comes back. False: the write is parked.</summary>
    public bool TryEnter(PendingWrite<TItem, TResult> write, Batch<TItem, TResult> batch)
    {
        object key = write.OrderKey!;
        if (!_held.TryGetValue(key, out Held? held))
        {
            _held.Add(key, new(batch));
            batch.Hold(key);
            return true;
        }

        if (held.By == batch)
        {
            return true;
        }

        held.Parked.Enqueue(write);
        Parked++;
        return false;
    }

    public void Release(Batch<TItem, TResult> batch)
    {
        foreach (object key in batch.HeldKeys)
        {
            _held.Remove(key, out Held? held);
            foreach (PendingWrite<TItem, TResult> write in held!.Parked)
            {
                _resumed.Enqueue(write, write.Sequence);
                Parked--;
            }
        }
    }

    public IEnumerable<PendingWrite<TItem, TResult>> TakeAll()
    {
        while (TakeResumed() is { } write)
        {
            yield return write;
        }

        foreach (Held held in _held.Values)
        {
            while (held.Parked.TryDequeue(out PendingWrite<TItem, TResult>? write))
            {
                Parked--;
                yield return write;
            }
        }
    }

    private sealed class Held(Batch<TItem, TResult> by)
    {
        public Batch<TItem, TResult> By { get; } = by;

        public Queue<PendingWrite<TItem, TResult>> Parked { get; } = new();
    }
}
