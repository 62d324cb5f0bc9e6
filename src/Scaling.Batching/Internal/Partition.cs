namespace Scaling.Batching.Internal;

/// <summary>The writes of one partition that wait for a batch. Belongs to the loop.</summary>
internal sealed class Partition<TItem, TResult>(object? key, BatchWindow window)
{
    private readonly Queue<PendingWrite<TItem, TResult>> _queue = new();
    private KeyOrder<TItem, TResult>? _keys;

    public BatchWindow Window = window;

    public object? Key { get; } = key;

    public int InFlight { get; private set; }

    public int WritesInFlight { get; private set; }

    /// <summary>How many writes could go into a batch now. Those held back by their key are not counted.</summary>
    public int Waiting => _queue.Count + (_keys?.Resumed ?? 0);

    public bool IsIdle => InFlight == 0 && Waiting == 0 && (_keys?.Parked ?? 0) == 0 && !Window.IsLettingGo;

    /// <summary>Whether the loop has the partition on its list.</summary>
    public bool IsTouched { get; set; }

    /// <summary>Takes a write in.</summary>
    public void Add(PendingWrite<TItem, TResult> write, long now)
    {
        Window.Arrived(now);
        if (write.OrderKey is not null)
        {
            _keys ??= new();
        }

        _queue.Enqueue(write);
    }

    public WindowState Look(bool flushing) => new(Waiting, OldestAt, InFlight, WritesInFlight, flushing);

    /// <summary>The next write for the batch, or null. It may turn out to be cancelled.</summary>
    public PendingWrite<TItem, TResult>? TakeFor(Batch<TItem, TResult> batch)
    {
        if (_keys is null)
        {
            return _queue.TryDequeue(out PendingWrite<TItem, TResult>? next) ? next : null;
        }

        // Taken out only after its key has been looked at: comparing keys is the caller's code, and may throw.
        while (_keys.PeekResumed() is { } resumed)
        {
            bool enters = _keys.TryEnter(resumed, batch);
            _keys.TakeResumed();
            if (enters)
            {
                return resumed;
            }
        }

        while (_queue.TryPeek(out PendingWrite<TItem, TResult>? write))
        {
            bool enters = write.OrderKey is null || _keys.TryEnter(write, batch);
            _queue.Dequeue();
            if (enters)
            {
                return write;
            }
        }

        return null;
    }

    public void Send(Batch<TItem, TResult> batch, SendReason reason)
    {
        InFlight++;
        WritesInFlight += batch.Count;
        Window.Sent(reason);
    }

    /// <summary>Frees what the batch held back.</summary>
    public void Complete(Batch<TItem, TResult> batch, long now)
    {
        InFlight--;
        WritesInFlight -= batch.Count;
        Window.CameBack(batch.RelayTells, now - batch.SentAt, now);
        _keys?.Release(batch);
    }

    /// <summary>Empties the partition.</summary>
    public IEnumerable<PendingWrite<TItem, TResult>> TakeAll()
    {
        while (_queue.TryDequeue(out PendingWrite<TItem, TResult>? write))
        {
            yield return write;
        }

        foreach (PendingWrite<TItem, TResult> held in _keys?.TakeAll() ?? [])
        {
            yield return held;
        }
    }

    public long OldestAt
    {
        get
        {
            long queued = _queue.TryPeek(out PendingWrite<TItem, TResult>? first) ? first.ArrivedAt : long.MaxValue;
            return Math.Min(queued, _keys?.OldestResumedAt ?? long.MaxValue);
        }
    }
}
