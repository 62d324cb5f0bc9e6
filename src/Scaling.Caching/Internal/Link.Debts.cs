namespace Scaling.Caching.Internal;

/// <summary>What is owed to L2, paid before its nodes are read again.</summary>
internal sealed partial class Link
{
    /// <summary>Owes L2 an invalidation. It is paid at once if its node is there, and when the node is back if not.</summary>
    public void Owe(Debt debt)
    {
        _journal.Add(debt);
        if (IsClosed(debt))
        {
            Wake();
        }
    }

    // the node may come back without what it confirmed last: a failover, a restart from disk
    private void OnNodeLost(string node, Exception? cause)
    {
        if (_options.Enabled && !_stop.IsCancellationRequested)
        {
            _journal.OweAgain(debt => _store.NodeOf(debt) == node);
            _guards.Of(node).Open(cause, forgetful: true);
        }
    }

    // True: all that can be paid is paid.
    private async Task<bool> PayDebtsAsync(Probed[] probed)
    {
        Func<Debt, bool> isPayable = debt => IsClosed(debt) || probed.Any(node => node.Answers && node.Guard.Node == _store.NodeOf(debt));
        _journal.Expand(_store.Epochs);
        while (_journal.Due(ReplayBatch, isPayable) is { Length: > 0 } debts)
        {
            bool[] paid = await Task.WhenAll(debts.Select(async debt =>
            {
                bool answers = await AnswersAsync(debt.Key.PayAsync(_store, debt.Key.NewStamp()), patience: 4).ConfigureAwait(false);
                if (answers)
                {
                    // first forgotten, then settled: a stamp that was read while it was owed must not outlive the debt
                    _store.StampLost?.Invoke(debt.Key.Name);
                    _journal.Settle(debt);
                }

                return answers;
            })).ConfigureAwait(false);
            if (paid.Contains(false))
            {
                return false;
            }
        }

        return true;
    }

    // True: no guard is left open. A node that did not take what it is owed is not back.
    private bool Reopen(Probed[] probed, bool paid)
    {
        bool whole = true;
        foreach (Probed node in probed)
        {
            if (node.Answers && (paid || !_journal.Owes(debt => _store.NodeOf(debt) == node.Guard.Node)) && node.Guard.TryClose(node.Losses))
            {
                _recoveredAt = _time.GetTimestamp();
                _log.Closed(node.Guard.Node);
            }
            else
            {
                whole = false;
                node.Guard.Open(cause: null);
            }
        }

        return whole;
    }

    private bool IsClosed(Debt debt) => _guards.Of(_store.NodeOf(debt)).State == GuardState.Closed;
}
