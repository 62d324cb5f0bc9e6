namespace Scaling.Caching.Internal;

/// <summary>What a node owes L2. A set is owed as an invalidation too: by the time it can be sent, another node may have written something newer.</summary>
internal readonly record struct Debt(DebtKind Kind, string Name)
{
    public static readonly Debt Everything = new(DebtKind.Tag, TagNames.All);

    public static Debt Key(string key) => new(DebtKind.Key, key);

    public static Debt Tag(string tag) => new(DebtKind.Tag, tag);

    /// <summary>A stamp under which it can be paid.</summary>
    public long NewStamp() => Kind == DebtKind.Key ? Envelope.NewStamp() : TagStamps.ForInvalidated();

    public Task PayAsync(IStore store, long stamp) => Kind == DebtKind.Key ? store.InvalidateAsync(Name, stamp) : store.InvalidateTagAsync(Name, stamp);
}

internal enum DebtKind
{
    Key,
    Tag,
}

/// <summary>
/// The invalidations that L2 does not have yet, once per name, and those it was given so lately that it may lose them again. What is owed is not read:
/// <code>
/// 1. a reader finds K not owed and asks L2           A. an invalidation of K fails and is owed, then the generation of K moves on
/// 2. L2 answers old K                                B. the caller of A is answered
/// 3. a reader that starts after B finds K owed and goes around L2. The reader of 1 began before B and may return old K, but its generation is not
///    believed, so nobody keeps it. A debt leaves only when L2 has confirmed it, and only if it was not incurred anew meanwhile.
/// </code>
/// Past its capacity it forgets the names and owes one invalidation of everything instead: memory is bounded and nothing is dropped silently. Thread-safe.
/// </summary>
internal sealed class Journal(int capacity, TimeProvider time)
{
    /// <summary>How long an acknowledged invalidation is kept in mind, for an L2 that comes back without it (failover, restart from disk).</summary>
    public static readonly TimeSpan Memory = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private readonly Dictionary<Debt, int> _debts = [];
    private readonly Queue<(Debt Debt, long At)> _delivered = [];
    private volatile int _count;
    private int _incurred;
    private int _parts;

    public int Count => _count;

    /// <summary>True when L2 must not be asked for the key.</summary>
    public bool OwesKey(string key) => _count != 0 && Owes(Debt.Key(key));

    /// <summary>True when an entry that bears the tag must not be believed.</summary>
    public bool OwesTag(string tag) => _count != 0 && Owes(Debt.Tag(tag));

    /// <summary>True when any such debt is left.</summary>
    public bool Owes(Func<Debt, bool> isMeant) => Due(1, isMeant).Length > 0;

    public void Add(Debt debt)
    {
        lock (_lock)
        {
            AddCore(debt);
        }
    }

    /// <summary>Owes everything part by part instead, so that each can be paid for itself.</summary>
    public void Expand(IReadOnlyList<string> epochs)
    {
        lock (_lock)
        {
            if (epochs.Count > 1 && _debts.Remove(Debt.Everything))
            {
                _parts = epochs.Count;
                foreach (string epoch in epochs)
                {
                    AddCore(Debt.Tag(epoch));
                }
            }
        }
    }

    /// <summary>Notes that L2 has confirmed an invalidation.</summary>
    public void Delivered(Debt debt)
    {
        long now = time.GetTimestamp();
        lock (_lock)
        {
            while (_delivered.TryPeek(out var oldest) && (_delivered.Count >= capacity || time.GetElapsedTime(oldest.At, now) > Memory))
            {
                _delivered.Dequeue();
            }

            _delivered.Enqueue((debt, now));
        }
    }

    /// <summary>Owes again what was delivered within <see cref="Memory"/> to a node that may have lost it.</summary>
    public void OweAgain(Func<Debt, bool> isConcerned)
    {
        long now = time.GetTimestamp();
        lock (_lock)
        {
            foreach ((Debt debt, long at) in _delivered)
            {
                if (time.GetElapsedTime(at, now) <= Memory && isConcerned(debt))
                {
                    AddCore(debt);
                }
            }
        }
    }

    /// <summary>Up to <paramref name="max"/> debts that can be paid now, each with the number under which it is settled.</summary>
    public KeyValuePair<Debt, int>[] Due(int max, Func<Debt, bool> isPayable)
    {
        lock (_lock)
        {
            return [.. _debts.Where(debt => isPayable(debt.Key)).Take(max)];
        }
    }

    /// <summary>L2 has confirmed it. Whatever was incurred since <see cref="Due"/> stays owed.</summary>
    public void Settle(KeyValuePair<Debt, int> debt)
    {
        lock (_lock)
        {
            if (_debts.TryGetValue(debt.Key, out int incurred) && incurred == debt.Value)
            {
                _debts.Remove(debt.Key);
                _count = _debts.Count;
            }
        }
    }

    private bool Owes(Debt debt)
    {
        lock (_lock)
        {
            return _debts.ContainsKey(debt) || _debts.ContainsKey(Debt.Everything);
        }
    }

    private void AddCore(Debt debt)
    {
        if (debt != Debt.Everything && _debts.ContainsKey(Debt.Everything))
        {
            debt = Debt.Everything;
        }

        _debts[debt] = ++_incurred;
        if (_debts.Count > capacity + _parts || debt == Debt.Everything)
        {
            _debts.Clear();
            _debts[Debt.Everything] = _incurred;
        }

        _count = _debts.Count;
    }
}

internal static class TagNames
{
    /// <summary>The tag that every entry bears.</summary>
    public const string All = "*";

    /// <summary>True for <see cref="All"/> and for the part of it that one node of L2 holds (<see cref="IStore.EpochOf"/>).</summary>
    public static bool IsAll(string tag) => tag.StartsWith(All, StringComparison.Ordinal) && (tag.Length == 1 || tag[1] == '{');
}
