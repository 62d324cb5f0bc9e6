using System.Collections.Frozen;
using Scaling.Sharding.Internal;

namespace Scaling.Sharding;

/// <summary>A shard map with the resource of each shard, such as its <c>NpgsqlDataSource</c>: from a key straight to the place to ask.</summary>
/// <remarks>
/// All members may be called from any number of threads. Every call works on one map from beginning to end, also while
/// <see cref="TrySwap"/> puts a newer one in its place. With <see cref="ShardSetOptions.LoadMap"/> the set follows moves by itself. It owns the resources it made and disposes them.
/// </remarks>
/// <typeparam name="T">The resource, made once per shard name.</typeparam>
/// <example><code>
/// await using var shards = new ShardSet&lt;NpgsqlDataSource&gt;(map, name => NpgsqlDataSource.Create(connectionStrings[name]));
/// NpgsqlDataSource home = shards["user:42"];
/// IReadOnlyList&lt;long&gt; counts = await shards.QueryAllAsync((source, ct) => CountUsersAsync(source, ct), cancellationToken);
/// </code></example>
public sealed partial class ShardSet<T> : IAsyncDisposable
    where T : class
{
    private readonly Func<string, T> _create;
    private readonly ShardSetOptions _options;
    private readonly TimeProvider _time;
    private readonly Retirement<T> _retired;
    private readonly MapRefresh? _refresh;
    private readonly Lock _swapping = new();
    private volatile State _state;
    private bool _disposed;

    /// <summary>Makes the resource of every shard of <paramref name="map"/>.</summary>
    /// <param name="map">The first map.</param>
    /// <param name="create">Makes the resource for a shard name; called once per name as long as the shard stays.</param>
    /// <param name="options">Limits; null for the defaults.</param>
    /// <param name="timeProvider">The clock; null for the system's.</param>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public ShardSet(IShardMap map, Func<string, T> create, ShardSetOptions? options = null, TimeProvider? timeProvider = null)
    {
        ArgumentNullException.ThrowIfNull(map);
        ArgumentNullException.ThrowIfNull(create);
        _create = create;
        _options = options ?? new ShardSetOptions();
        _options.Validate();
        _time = timeProvider ?? TimeProvider.System;
        _retired = new Retirement<T>(_options.RetireDelay, _time);
        _state = new State(map, Resources(map, FrozenDictionary<string, T>.Empty));
        _refresh = _options.LoadMap is { } load ? new MapRefresh(load, TrySwap, _time) : null;
    }

    /// <summary>The map in force.</summary>
    public IShardMap Map => _state.Map;

    /// <summary>The resource of the shard that owns <paramref name="key"/>.</summary>
    /// <param name="key">A string, long, Guid or bytes.</param>
    public T this[ShardKey key]
    {
        get
        {
            State state = _state;
            string shard = state.Map.GetShard(key);
            ShardingMetrics.Routed(shard);
            return state.Resources[shard];
        }
    }

    /// <summary>The resource of a shard known by name.</summary>
    /// <param name="shard">A name out of the map's shards.</param>
    /// <returns>The resource.</returns>
    /// <exception cref="ArgumentException">The map has no such shard.</exception>
    public T GetResource(string shard) => _state.Resources.TryGetValue(shard, out T? resource)
        ? resource
        : throw new ArgumentException($"The map has no shard '{shard}'; it has {string.Join(", ", Map.Shards)}.", nameof(shard));

    /// <summary>Puts a newer map in force, in one step for all threads. Makes the resources of new shards, retires those of shards that left.</summary>
    /// <param name="map">The map to route by from now on. Maps without a version always succeed one another.</param>
    /// <returns>True when it is now in force; false when it is older than the map in force, or the same: then nothing changed.</returns>
    /// <exception cref="InvalidOperationException">It has the version of the map in force but other routes: two authors wrote the same version.</exception>
    /// <exception cref="ObjectDisposedException">The set was disposed.</exception>
    public bool TrySwap(IShardMap map)
    {
        ArgumentNullException.ThrowIfNull(map);
        State before;
        lock (_swapping)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            before = _state;
            if (!IsNewer(map, before.Map))
            {
                return false;
            }

            // 1. Resources exist before the map that names them is visible: no reader can be sent to a shard without one.
            // 2. One reference is swapped: a reader has the old pair or the new one, never a mixture.
            // 3. Readers that took the old pair in step 2 may still use a resource that left: it is retired, not disposed.
            FrozenDictionary<string, T> resources = Resources(map, before.Resources);
            _state = new State(map, resources);
            _retired.Add(before.Resources.Where(pair => !resources.ContainsKey(pair.Key)));
        }

        before.Superseded.TrySetResult();
        return true;
    }

    /// <summary>Disposes every resource the set made, retired ones too.</summary>
    /// <returns>A task that ends when all are disposed.</returns>
    /// <exception cref="AggregateException">Resources that failed to dispose; the others are disposed all the same.</exception>
    public ValueTask DisposeAsync()
    {
        lock (_swapping)
        {
            if (_disposed)
            {
                return ValueTask.CompletedTask;
            }

            _disposed = true;
        }

        _refresh?.Dispose();
        return _retired.DisposeAsync(_state.Resources.Values);
    }

    private async ValueTask<State> FreshStateAsync(CancellationToken cancellationToken)
    {
        if (_refresh is not null)
        {
            await _refresh.EnsureFreshAsync(cancellationToken).ConfigureAwait(false);
        }

        return _state;
    }

    private static bool IsNewer(IShardMap map, IShardMap current) => map.Version.CompareTo(current.Version) switch
    {
        > 0 => true,
        < 0 => false,
        _ when map.Version == 0 => true,
        _ when map is ShardMap one && current is ShardMap other && one.Fingerprint == other.Fingerprint => false,
        _ when ReferenceEquals(map, current) => false,
        _ => throw new InvalidOperationException($"Two different maps both claim version {map.Version}; the one in force stays. Derive each new map from the newest one."),
    };

    private FrozenDictionary<string, T> Resources(IShardMap map, FrozenDictionary<string, T> known)
    {
        var made = new List<T>();
        try
        {
            return map.Shards.ToFrozenDictionary(name => name, name =>
            {
                if (known.TryGetValue(name, out T? resource) || _retired.TryTakeBack(name, out resource))
                {
                    return resource;
                }

                resource = _create(name) ?? throw new InvalidOperationException($"The factory made null for shard '{name}'.");
                made.Add(resource);
                return resource;
            });
        }
        catch
        {
            _retired.Add(made.Select((resource, index) => KeyValuePair.Create($"{index}/never used", resource)));
            throw;
        }
    }

    /// <summary>A map, the resources of exactly its shards, and the news that another took its place.</summary>
    private sealed record State(IShardMap Map, FrozenDictionary<string, T> Resources)
    {
        public TaskCompletionSource Superseded { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
