namespace Scaling.Resilience.Internal;

/// <summary>The instances of this process that gauges and the health check look at; it keeps none of them alive.</summary>
internal sealed class LiveSet<T>
    where T : class
{
    private readonly Lock _lock = new();
    private readonly List<WeakReference<T>> _members = [];

    public void Add(T member)
    {
        lock (_lock)
        {
            _members.RemoveAll(static m => !m.TryGetTarget(out _));
            _members.Add(new WeakReference<T>(member));
        }
    }

    public void Remove(T member)
    {
        lock (_lock)
        {
            _members.RemoveAll(m => !m.TryGetTarget(out T? target) || ReferenceEquals(target, member));
        }
    }

    public IReadOnlyList<T> Snapshot()
    {
        lock (_lock)
        {
            var alive = new List<T>(_members.Count);
            foreach (WeakReference<T> member in _members)
            {
                if (member.TryGetTarget(out T? target))
                {
                    alive.Add(target);
                }
            }

            return alive;
        }
    }
}
