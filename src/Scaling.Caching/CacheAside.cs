using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Scaling.Caching.Internal;

namespace Scaling.Caching;

/// <summary>
/// A two-level cache that stays fast and right while L2 hangs, dies and comes back. It is a <see cref="HybridCache"/>: code written against that gains the
/// guard without a change; <see cref="GetOrLoadAsync{T}(string, Func{CancellationToken, Task{T}}, HybridCacheEntryOptions?, IEnumerable{string}?, CancellationToken)"/>
/// also says where the value came from.
/// </summary>
/// <remarks>
/// <para>After an acknowledged invalidation no node serves the older value, once the node that invalidated can reach L2 and the others hear of it
/// (see <see cref="CacheDelivery"/>); on the invalidating node it holds at once, with or without L2.</para>
/// <para>Thread-safe. A load may outlive the caller that began it when others wait for it too, so let it own what it uses.</para>
/// </remarks>
/// <example>
/// <code>
/// await using var cache = new CacheAside(CacheBackend.Redis("localhost:6379"), new CacheAsideOptions());
/// CacheResult&lt;User?&gt; user = await cache.GetOrLoadAsync("user:42", token => users.FindAsync(42, token));
/// </code>
/// </example>
public sealed partial class CacheAside : HybridCache, IAsyncDisposable
{
    private int _disposed;
    private readonly CacheAsideOptions _options;
    private readonly TimeProvider _time;
    private readonly Lifetimes _defaults;
    private readonly Generations _generations = new();
    private readonly Flights _flights;
    private readonly LocalTier _local;
    private readonly RemoteTier? _remote;
    private readonly LoadGate _gate;
    private readonly ValueTypes _types;
    private readonly CachingMetrics _metrics;
    private readonly CachingLog _log;
    private readonly ServiceProvider? _ownServices;
    private readonly long _isolated;
    private readonly double _ticks;

    /// <summary>Makes a cache over the given L2.</summary>
    /// <param name="backend">L2, or <see cref="CacheBackend.None"/>.</param>
    /// <param name="options">Read once; later changes have no effect.</param>
    /// <param name="timeProvider">The clock; the system's if null.</param>
    /// <param name="services">Where serializers (as registered for HybridCache), ILoggerFactory and IMeterFactory are taken from; without it JSON and no logs.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public CacheAside(CacheBackend backend, CacheAsideOptions options, TimeProvider? timeProvider = null, IServiceProvider? services = null)
    {
        ArgumentNullException.ThrowIfNull(backend);
        ArgumentNullException.ThrowIfNull(options);
        _options = options.Validate();
        _time = timeProvider ?? TimeProvider.System;
        _defaults = Lifetimes.From(options);
        _flights = new Flights(_generations);
        _local = new LocalTier(options.LocalSizeLimit, _time);
        _gate = new LoadGate(options.MaxConcurrentLoads);
        _types = new ValueTypes(services ?? (_ownServices = DefaultServices()));
        _metrics = new CachingMetrics(services?.GetService<System.Diagnostics.Metrics.IMeterFactory>(), options.KeyPrefix, _time);
        _log = new CachingLog(services?.GetService<ILoggerFactory>()?.CreateLogger<CacheAside>() ?? NullLogger<CacheAside>.Instance);
        _isolated = ToTimestamps(options.IsolatedExpiration);
        _ticks = TimeSpan.TicksPerSecond / (double)_time.TimestampFrequency;
        if (backend.CreateStore(options, _time) is { } store)
        {
            _remote = new RemoteTier(store, _generations, options, _time, _metrics, _log);
            _metrics.Observe(() => (int)_remote.State, () => _remote.Owed);
        }
    }

    /// <summary>Completes after the first attempt to reach L2, whether it succeeded or not. Awaiting it is not required.</summary>
    internal Task Started => _remote?.Started ?? Task.CompletedTask;

    internal RemoteTier? Remote => _remote;

    /// <summary>Returns the value at the key, loading and keeping it if it is not there.</summary>
    /// <param name="key">Any text.</param>
    /// <param name="load">Fetches the value from its source. Concurrent calls for a key share one load; it is cancelled when all of them are.</param>
    /// <param name="options">What this call wants otherwise than the cache's options. Its flags are obeyed.</param>
    /// <param name="tags">Names under which the value can be invalidated together with others.</param>
    /// <param name="cancellationToken">Ends this call's waiting, not the load of the others.</param>
    /// <exception cref="CacheLoadShedException">Too many loads are running and no stale value is at hand.</exception>
    /// <exception cref="TimeoutException">The load took longer than <see cref="CacheAsideOptions.LoadTimeout"/> and no stale value is at hand.</exception>
    public ValueTask<CacheResult<T>> GetOrLoadAsync<T>(
        string key,
        Func<CancellationToken, Task<T>> load,
        HybridCacheEntryOptions? options = null,
        IEnumerable<string>? tags = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(load);
        return GetOrLoadAsync(key, load, static (load, _, token) => new ValueTask<T>(load(token)), options, tags, cancellationToken);
    }

    /// <summary>
    /// The form without a closure, whose load may also decide how long its result is fresh (<see cref="CacheLoadContext.Expiration"/>).
    /// </summary>
    /// <param name="key">Any text.</param>
    /// <param name="state">Handed to the load, so that it can be a static lambda.</param>
    /// <param name="load">Fetches the value from its source.</param>
    /// <param name="options">What this call wants otherwise than the cache's options. Its flags are obeyed.</param>
    /// <param name="tags">Names under which the value can be invalidated together with others.</param>
    /// <param name="cancellationToken">Ends this call's waiting, not the load of the others.</param>
    /// <inheritdoc cref="GetOrLoadAsync{T}(string, Func{CancellationToken, Task{T}}, HybridCacheEntryOptions?, IEnumerable{string}?, CancellationToken)" path="/exception"/>
    public ValueTask<CacheResult<T>> GetOrLoadAsync<TState, T>(
        string key,
        TState state,
        Func<TState, CacheLoadContext, CancellationToken, ValueTask<T>> load,
        HybridCacheEntryOptions? options = null,
        IEnumerable<string>? tags = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(load);
        HybridCacheEntryFlags flags = options?.Flags ?? HybridCacheEntryFlags.None;
        long now = _time.GetTimestamp();
        return TryHit(key, flags, now, out LocalEntry<T>? entry, out T value)
            ? new(entry.ToResult(value, CacheStatus.HitLocal, now, _ticks))
            : FlyAsync(new LoadRequest<TState, T>(key, state, load, tags, _defaults.With(options), flags), entry, cancellationToken);
    }

    /// <inheritdoc/>
    /// <remarks><see cref="HybridCacheEntryFlags"/> are obeyed; DisableCompression means nothing here.</remarks>
    public override ValueTask<T> GetOrCreateAsync<TState, T>(
        string key,
        TState state,
        Func<TState, CancellationToken, ValueTask<T>> factory,
        HybridCacheEntryOptions? options = null,
        IEnumerable<string>? tags = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(factory);
        HybridCacheEntryFlags flags = options?.Flags ?? HybridCacheEntryFlags.None;
        if (TryHit(key, flags, _time.GetTimestamp(), out LocalEntry<T>? entry, out T value))
        {
            return new(value);
        }

        var request = new LoadRequest<(TState State, Func<TState, CancellationToken, ValueTask<T>> Factory), T>(
            key, (state, factory), static (call, _, token) => call.Factory(call.State, token), tags, _defaults.With(options), flags);
        return ValueOf(FlyAsync(request, entry, cancellationToken));

        static async ValueTask<T> ValueOf(ValueTask<CacheResult<T>> result) => (await result.ConfigureAwait(false)).Value;
    }

    /// <summary>Ends the connection to L2. What is still owed to it is lost, like with a crash: the entries concerned live until they expire.</summary>
    public async ValueTask DisposeAsync()
    {
        // A container that knows us under two types disposes of us twice.
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        if (_remote is not null)
        {
            await _remote.DisposeAsync().ConfigureAwait(false);
        }

        _local.Dispose();
        _metrics.Dispose();
        if (_ownServices is not null)
        {
            await _ownServices.DisposeAsync().ConfigureAwait(false);
        }
    }

    private static ServiceProvider DefaultServices()
    {
        var services = new ServiceCollection();
        services.AddHybridCache();
        return services.BuildServiceProvider();
    }
}
