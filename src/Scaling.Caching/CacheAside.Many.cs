using Microsoft.Extensions.Caching.Hybrid;
using Scaling.Caching.Internal;

namespace Scaling.Caching;

public sealed partial class CacheAside
{
    /// <summary>
    /// Returns many values at once: L2 is asked for all keys that are not in memory in one round trip to each of its nodes, and the source once for all that
    /// are not there either. Each key has the guarantees and the status it would have alone, and shares its load with callers who want it alone.
    /// </summary>
    /// <param name="ids">What is wanted; an id that occurs twice is asked for once.</param>
    /// <param name="key">The cache key of an id, the same as elsewhere, for example <c>id => $"user:{id}"</c>.</param>
    /// <param name="load">
    /// Fetches the missing ones from their source. An id that it leaves out is remembered as null (<see cref="CacheAsideOptions.NullExpiration"/>).
    /// </param>
    /// <param name="options">What this call wants otherwise than the cache's options. Its flags are obeyed.</param>
    /// <param name="tags">Names under which the values can be invalidated together.</param>
    /// <param name="cancellationToken">Ends this call's waiting, not the load of the others.</param>
    /// <returns>One result for every id.</returns>
    /// <exception cref="KeyNotFoundException">The load left out an id whose value cannot be null; use a nullable type.</exception>
    /// <inheritdoc cref="GetOrLoadAsync{T}(string, Func{CancellationToken, Task{T}}, HybridCacheEntryOptions?, IEnumerable{string}?, CancellationToken)" path="/exception"/>
    public async ValueTask<IReadOnlyDictionary<TId, CacheResult<T?>>> GetManyAsync<TId, T>(
        IEnumerable<TId> ids,
        Func<TId, string> key,
        Func<IReadOnlyList<TId>, CancellationToken, Task<Dictionary<TId, T>>> load,
        HybridCacheEntryOptions? options = null,
        IEnumerable<string>? tags = null,
        CancellationToken cancellationToken = default)
        where TId : notnull
    {
        ArgumentNullException.ThrowIfNull(ids);
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(load);
        cancellationToken.ThrowIfCancellationRequested();
        HybridCacheEntryFlags flags = options?.Flags ?? HybridCacheEntryFlags.None;
        Lifetimes lifetimes = _defaults.With(options);
        var results = new Dictionary<TId, CacheResult<T?>>();
        List<Wanted<TId, T?>>? wanted = null;
        string[]? allTags = null;
        long now = _time.GetTimestamp();
        foreach (TId id in ids)
        {
            if (results.TryAdd(id, default))
            {
                string name = key(id) ?? throw new ArgumentException($"The key of '{id}' is null.", nameof(key));
                if (TryHit(name, flags, now, out LocalEntry<T?>? entry, out T? value))
                {
                    results[id] = entry.ToResult(value, CacheStatus.HitLocal, now, _ticks);
                }
                else
                {
                    allTags ??= tags is null ? [] : [.. tags];
                    (wanted ??= []).Add(new(id, new Request<T?>(name, allTags, lifetimes, flags), entry));
                }
            }
        }

        if (wanted is not null)
        {
            // no code of the user's from here on until all that we lead have started: what is led must run, for others may wait for it
            var arrivals = new List<Task<CacheResult<T?>>>(wanted.Count);
            var led = new List<Wanted<TId, T?>>();
            foreach (Wanted<TId, T?> one in wanted)
            {
                one.Flight = _flights.JoinOrLead<T?>(one.Request.FlightKey, one.Request.KeySlot, one.Request.TagSlots, out bool leads);
                arrivals.Add(ArriveAsync(one.Flight, leads, cancellationToken).AsTask());
                if (leads)
                {
                    led.Add(one);
                }
            }

            if (led.Count > 0)
            {
                _ = RunManyAsync<TId, T?>(led, load!);
            }

            CacheResult<T?>[] arrived = await Task.WhenAll(arrivals).ConfigureAwait(false);
            for (int i = 0; i < arrived.Length; i++)
            {
                results[wanted[i].Id] = arrived[i];
            }
        }

        return results;
    }

    private sealed record Wanted<TId, T>(TId Id, Request<T> Request, LocalEntry<T>? Current)
    {
        public Flight<T> Flight { get; set; } = null!;

        public Absence<T> Absence { get; set; }

        public bool IsLanded { get; set; }
    }

    /// <summary>Carries the flights that one call leads from start to landing; never throws.</summary>
    private async Task RunManyAsync<TId, T>(List<Wanted<TId, T>> led, Func<IReadOnlyList<TId>, CancellationToken, Task<Dictionary<TId, T>>> load)
        where TId : notnull
    {
        try
        {
            await FindOrLoadManyAsync(led, load).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            foreach (Wanted<TId, T> one in led)
            {
                one.Flight.Fail(exception);
            }
        }
        finally
        {
            foreach (Wanted<TId, T> one in led)
            {
                _flights.Remove(one.Request.FlightKey, one.Flight);
            }
        }
    }

    private async Task FindOrLoadManyAsync<TId, T>(List<Wanted<TId, T>> led, Func<IReadOnlyList<TId>, CancellationToken, Task<Dictionary<TId, T>>> load)
        where TId : notnull
    {
        Request<T> any = led[0].Request;        // tags, flags and lifetimes are the same for all
        foreach (Wanted<TId, T> one in led)
        {
            one.IsLanded = LandLocal(one.Flight, one.Request, one.Current, out LocalEntry<T>? fallback);
            one.Absence = new(fallback, default, _remote is null ? CacheStatus.Miss : CacheStatus.Bypass);
        }

        Wanted<TId, T>[] missing = Missing(led);
        if (_remote is not null && any.ConcernsRemote && missing.Length > 0)
        {
            string[] names = Array.ConvertAll(missing, one => one.Request.Name);
            CallResult<RemoteRead>[] calls = await _remote.ReadManyAsync(names, any.Tags, any.WillLoadAndWrite).ConfigureAwait(false);
            for (int i = 0; i < calls.Length; i++)
            {
                Wanted<TId, T> one = missing[i];
                if (calls[i].Outcome == CallOutcome.Done)
                {
                    one.IsLanded = LandRemote(one.Flight, one.Request, one.Current, calls[i].Value, one.Absence.Fallback, out Absence<T> absence);
                    one.Absence = absence;
                }
            }

            missing = Missing(missing);
        }

        if (any.Allows(HybridCacheEntryFlags.DisableUnderlyingData))
        {
            await LoadManyAsync(missing, load).ConfigureAwait(false);
            return;
        }

        foreach (Wanted<TId, T> one in missing)
        {
            one.Flight.Land(new Landing<T>(Unkept<T>(default!), one.Absence.Status, default!));
        }
    }

    // those that are landed are let go: while the others are loaded, later callers find them in memory
    private Wanted<TId, T>[] Missing<TId, T>(IReadOnlyList<Wanted<TId, T>> all)
    {
        foreach (Wanted<TId, T> one in all.Where(static one => one.IsLanded))
        {
            _flights.Remove(one.Request.FlightKey, one.Flight);
        }

        return [.. all.Where(static one => !one.IsLanded)];
    }

    private async Task LoadManyAsync<TId, T>(Wanted<TId, T>[] missing, Func<IReadOnlyList<TId>, CancellationToken, Task<Dictionary<TId, T>>> load)
        where TId : notnull
    {
        if (missing.Length == 0)
        {
            return;
        }

        var abandonment = new Abandonment(Array.ConvertAll(missing, one => one.Flight.Token));
        bool canWait = Array.Exists(missing, one => StandIn(one.Absence) is null);
        if (!await _gate.EnterAsync(canWait ? _options.LoadQueueTimeout : TimeSpan.Zero, abandonment.Token).ConfigureAwait(false))
        {
            var shed = new CacheLoadShedException(_options.MaxConcurrentLoads);
            Array.ForEach(missing, one => LandFallback(one.Flight, one.Absence, shed));
            return;
        }

        using var run = new LoadRun(_gate, _metrics, _time);
        Task<Dictionary<TId, T>> all = run.Start(
            (load, missing, abandonment.Token), static call => call.load(Array.ConvertAll(call.missing, one => one.Id), call.Token));
        var context = new CacheLoadContext("", missing[0].Request.Lifetimes.Fresh);
        RemoteWrite?[] writes = await Task.WhenAll(Array.ConvertAll(
            missing, one => FinishAsync(one.Flight, one.Request, one.Absence, PickAsync(all, one.Id), context, run))).ConfigureAwait(false);
        _ = WriteManyBehindAsync(Array.ConvertAll(missing, one => one.Request.Key), writes);
    }

    private static async Task<T> PickAsync<TId, T>(Task<Dictionary<TId, T>> all, TId id)
        where TId : notnull
    {
        Dictionary<TId, T> values = await all.ConfigureAwait(false);
        return values.TryGetValue(id, out T? value) || default(T) is null
            ? value!
            : throw new KeyNotFoundException($"The load returned nothing for '{id}', and a {typeof(T)} cannot be null: let it return a {typeof(T)}?.");
    }

    private async Task WriteManyBehindAsync(string[] keys, RemoteWrite?[] writes)
    {
        int[] due = [.. Enumerable.Range(0, writes.Length).Where(i => writes[i] is not null)];
        if (due.Length == 0)
        {
            return;
        }

        bool[] kept = await _remote!.WriteManyAsync(Array.ConvertAll(due, i => writes[i]!.Value)).ConfigureAwait(false);
        for (int i = 0; i < kept.Length; i++)
        {
            if (!kept[i])
            {
                Refuse(keys[due[i]]);
            }
        }
    }
}
