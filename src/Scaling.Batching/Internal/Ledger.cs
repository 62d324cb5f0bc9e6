namespace Scaling.Batching.Internal;

/// <summary>
/// Tells when a flush is done: counts, write by write, what is still open of everything that came before it. Splits, retries and
/// reordering do not matter, because a write leaves only when it is settled. Belongs to the loop.
/// </summary>
internal sealed class Ledger
{
    // One count per epoch since the oldest open one; a flush ends an epoch.
    private readonly Queue<(Flush Flush, OpenWrites Open)> _closed = new();
    private OpenWrites _current = new();

    /// <summary>The epoch in which writes arrive now.</summary>
    public long Epoch { get; private set; }

    /// <summary>Whether somebody waits for a flush.</summary>
    public bool IsFlushing => _closed.Count > 0;

    public void Enter() => _current.Count++;

    public void Leave(long epoch, int writes)
    {
        if (epoch == Epoch)
        {
            _current.Count -= writes;
            return;
        }

        long oldest = Epoch - _closed.Count;
        foreach ((_, OpenWrites open) in _closed)
        {
            if (oldest++ == epoch)
            {
                open.Count -= writes;
                break;
            }
        }

        Settle();
    }

    public void Add(Flush flush)
    {
        _closed.Enqueue((flush, _current));
        _current = new();
        Epoch++;
        Settle();
    }

    /// <summary>Nothing is open any more, whatever the counts say: those whose batch was given up never leave.</summary>
    public void SettleAll()
    {
        while (_closed.TryDequeue(out (Flush Flush, OpenWrites Open) oldest))
        {
            oldest.Flush.Complete();
        }
    }

    private void Settle()
    {
        while (_closed.TryPeek(out (Flush Flush, OpenWrites Open) oldest) && oldest.Open.Count == 0)
        {
            _closed.Dequeue();
            oldest.Flush.Complete();
        }
    }

    private sealed class OpenWrites
    {
        public int Count;
    }
}
