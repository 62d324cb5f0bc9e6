using System.Diagnostics.CodeAnalysis;

namespace Scaling.Batching.Internal;

/// <summary>Claimed writes on their way to the store. Built by the loop, run on the thread pool, and posted back to the loop when every write has its outcome.</summary>
[SuppressMessage("Design", "CA1001", Justification = "Without a timer or a linked token there is nothing to dispose, and a late caller may still cancel.")]
internal sealed class Batch<TItem, TResult>(BatchRunner<TItem, TResult> runner, Partition<TItem, TResult> partition, int capacity) : Message, IThreadPoolWorkItem
{
    private readonly CancellationTokenSource _abandonedByAll = new();
    private readonly PendingWrite<TItem, TResult>[] _writes = new PendingWrite<TItem, TResult>[capacity];
    private TItem[] _items = new TItem[capacity];
    private List<object>? _heldKeys;
    private int _open, _gone;

    public Partition<TItem, TResult> Partition { get; } = partition;

    public IReadOnlyList<object> HeldKeys => _heldKeys ?? (IReadOnlyList<object>)[];

    /// <summary>Writes per epoch of the ledger. Belongs to the loop.</summary>
    public List<(long Epoch, int Writes)> Epochs { get; } = new(1);

    public SendReason Reason { get; set; }

    /// <summary>When the loop sent it. Belongs to the loop.</summary>
    public long SentAt { get; init; }

    /// <summary>Whether several callers are being let go on, so that their <see cref="Relay{TItem, TResult}"/> is posted as well: before the batch or after it.</summary>
    public bool RelayTells { get; set; }

    public int Count { get; private set; }

    /// <summary>Writes that have no outcome yet.</summary>
    public int Open => Volatile.Read(ref _open);

    /// <summary>Cancelled when no caller is left who waits for the batch, or when a stop has run out of patience.</summary>
    public CancellationToken Token => _abandonedByAll.Token;

    /// <summary>Set once a stop has run out of patience.</summary>
    public bool IsAborted { get; private set; }

    public void Hold(object key) => (_heldKeys ??= []).Add(key);

    public void Add(PendingWrite<TItem, TResult> write)
    {
        _items[Count] = write.Item; // now, while the loop has the write in its hands
        _writes[Count++] = write;
        _open++;
        if (Epochs.Count > 0 && Epochs[^1].Epoch == write.Epoch)
        {
            Epochs[^1] = (write.Epoch, Epochs[^1].Writes + 1);
        }
        else
        {
            Epochs.Add((write.Epoch, 1));
        }
    }

    public void Execute()
    {
        TItem[] items = _items;
        _items = []; // a write whose outcome nobody takes still knows its batch, and must not keep all these alive
        _ = Count == _writes.Length ? runner.RunAsync(this, _writes, items) : runner.RunAsync(this, _writes[..Count], items[..Count]);
    }

    /// <summary>Notes that a caller does not wait any more.</summary>
    /// <remarks>
    /// The count of callers gone and the count of writes open are both changed with a full fence before they are compared, here
    /// and in <see cref="Settled"/>; so whichever change makes them equal sees it.
    /// </remarks>
    public void CallerGone()
    {
        Interlocked.Increment(ref _gone);
        CancelIfDeserted();
    }

    /// <summary>Notes that writes have their outcome, of which some had lost their caller.</summary>
    public void Settled(int writes, int gone)
    {
        Interlocked.Add(ref _gone, -gone);
        if (Interlocked.Add(ref _open, -writes) > 0)
        {
            CancelIfDeserted();
        }
    }

    public void Abort()
    {
        IsAborted = true;
        _ = _abandonedByAll.CancelAsync();
    }

    /// <summary>Settles everything that is still open although the delegate is still running.</summary>
    public int Abandon(Exception error, out long bytes)
    {
        int abandoned = 0;
        bytes = 0;
        foreach (PendingWrite<TItem, TResult> write in _writes.AsSpan(0, Count)) // settled ones may stand there twice: Relay
        {
            if (write.TryAbandon(this, error))
            {
                abandoned++;
                bytes += write.Bytes;
            }
        }

        return abandoned;
    }

    private void CancelIfDeserted()
    {
        int open = Open;
        if (open > 0 && Volatile.Read(ref _gone) >= open)
        {
            _ = _abandonedByAll.CancelAsync(); // not here: a cancellation callback may be slow, and this is a caller's thread
        }
    }
}
