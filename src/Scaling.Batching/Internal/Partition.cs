namespace Scaling.Batching.Internal;

/// <summary>The writes of one partition that wait for a batch. Belongs to the loop, except for the count of answers.</summary>
internal sealed class Partition<TItem, TResult>(object? key, BatchWindow window)
{
    private readonly Queue<PendingWrite<TItem, TResult>> _queue = new();
    private KeyOrder<TItem, TResult>? _keys;
    private int _answered, _answersSeen;

    public BatchWindow Window = window;

    public object? Key { get; } = key;

    public int InFlight { get; set; }

    /// <summary>How many writes could go into a batch now. Those held back by their key are not counted.</summary>
    public int Waiting => _queue.Count + (_keys?.Resumed ?? 0);

    public bool IsIdle => InFlight == 0 && Waiting == 0 && (_keys?.Parked ?? 0) == 0;

    /// <summary>Whether the loop has the partition on its list.</summary>
    public bool IsTouched { get; set; }

    /// <summary>Called by a batch, before its callers hear their outcome.</summary>
    public void AboutToAnswer(int callers) => Interlocked.Add(ref _answered, callers);

    /// <summary>Takes a write in.</summary>
    /// <remarks>
    /// Answers are counted before callers hear them, and looked at here, before an arrival is counted. So a caller that comes
    /// back is never counted as a newcomer while its own answer is still on the way, which would leave a ghost to wait for.
    /// </remarks>
    public void Add(PendingWrite<TItem, TResult> write, long now)
    {
        SeeAnswers(now);
        Window.Arrived(now);
        if (write.OrderKey is not null)
        {
            _keys ??= new();
        }

        _queue.Enqueue(write);
    }

    public void SeeAnswers(long now)
    {
        int answered = Volatile.Read(ref _answered);
        if (answered != _answersSeen)
        {
            Window.Answered(answered - _answersSeen, now);
            _answersSeen = answered;
        }
    }

    public WindowState Look(bool flushing) => new(Waiting, OldestAt, InFlight, flushing);

    /// <summary>The next write for the batch, or null. It may turn out to be cancelled.</summary>
    public PendingWrite<TItem, TResult>? TakeFor(Batch<TItem, TResult> batch)
    {
        if (_keys is null)
        {
            return _queue.TryDequeue(out PendingWrite<TItem, TResult>? next) ? next : null;
        }

        while (_keys.TakeResumed() is { } resumed)
        {
            if (_keys.TryEnter(resumed, batch))
            {
                return resumed;
            }
        }

        while (_queue.TryDequeue(out PendingWrite<TItem, TResult>? write))
        {
            if (write.OrderKey is null || _keys.TryEnter(write, batch))
            {
                return write;
            }
        }

        return null;
    }

    /// <summary>Frees what the batch held back.</summary>
    public void Complete(Batch<TItem, TResult> batch)
    {
        InFlight--;
        Window.CameBack();
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
