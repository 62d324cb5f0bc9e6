using System.Collections.Concurrent;

namespace Scaling.Caching.Internal;

/// <summary>One guard for every node of L2, so that a node that is away costs its own keys and no others.</summary>
internal sealed class Guards(IStore store, CacheGuardOptions options, TimeProvider time)
{
    private readonly ConcurrentDictionary<string, Guard> _byNode = new();

    /// <summary>Raised once per opening of any of them.</summary>
    public Action<Guard, Exception?>? Opened { get; set; }

    /// <summary>The guards of the nodes that hold something now.</summary>
    public IEnumerable<Guard> Current => store.Nodes.Select(Of);

    /// <summary>The worst state of any node.</summary>
    public GuardState State => Current.Max(static guard => guard.State);

    public Guard Of(string node) => _byNode.TryGetValue(node, out Guard? guard) ? guard : _byNode.GetOrAdd(node, Create);

    private Guard Create(string node) => new(node, options, time, store.IsAnswer) { Opened = (guard, cause) => Opened?.Invoke(guard, cause) };
}
