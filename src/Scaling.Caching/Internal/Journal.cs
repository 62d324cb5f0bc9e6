namespace Scaling.Caching.Internal;

/// <summary>What a node owes L2. A set is owed as an invalidation too: by the time it can be sent, another node may have written something newer.</summary>
internal readonly record struct Debt(DebtKind Kind, string Name);

internal enum DebtKind
{
    Key,
    Tag,
}

/// <summary>
/// The invalidations that could not be delivered, once per name. Past its capacity it forgets the names and owes one invalidation of everything instead:
/// memory is bounded and nothing is dropped silently. Not thread-safe: <see cref="Guard"/> owns the lock.
/// </summary>
internal sealed class Journal(int capacity)
{
    private static readonly Debt Everything = new(DebtKind.Tag, TagNames.All);
    private readonly HashSet<Debt> _debts = [];

    public int Count => _debts.Count;

    public void Add(Debt debt)
    {
        if (_debts.Contains(Everything))
        {
            return;
        }

        _debts.Add(debt);
        if (_debts.Count > capacity || debt == Everything)
        {
            _debts.Clear();
            _debts.Add(Everything);
        }
    }

    /// <summary>Takes up to <paramref name="max"/> debts out. The caller pays them or adds them again; one that is incurred meanwhile is a new one.</summary>
    public Debt[] Take(int max)
    {
        Debt[] taken = [.. _debts.Take(max)];
        _debts.ExceptWith(taken);
        return taken;
    }
}

internal static class TagNames
{
    /// <summary>The tag that every entry bears.</summary>
    public const string All = "*";
}
