using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Caching.Hybrid;
using Scaling.Caching.Internal;

namespace Scaling.Caching;

public sealed partial class CacheAside
{
    /// <summary>
    /// True: the value is served from memory and the call is counted. False: fly; the entry is then a fresh value that this caller should renew, or null.
    /// </summary>
    private bool TryHit<T>(string key, HybridCacheEntryFlags flags, long now, [NotNullWhen(true)] out LocalEntry<T>? entry, out T value)
    {
        value = default!;
        if ((flags & HybridCacheEntryFlags.DisableLocalCacheRead) != 0 || !TryGetLocal(key, now, out entry))
        {
            entry = null;
            return false;
        }

        if (now >= entry.Schedule.RefreshFrom && IsDue(entry.Schedule, now) && !_flights.IsUnderWay(new FlightKey(CacheKey.Normalize(key), typeof(T), flags)))
        {
            return false;       // one caller renews it; the others keep hitting
        }

        if (!entry.TryGetValue(out value))
        {
            entry = null;
            return false;
        }

        _metrics.Request(CacheStatus.HitLocal);
        return true;
    }

    /// <summary>True: the entry may be served as fresh by this node.</summary>
    private bool TryGetLocal<T>(string key, long now, [NotNullWhen(true)] out LocalEntry<T>? entry) =>
        _local.TryGet(key, now, out entry) && IsFresh(entry, now);

    private bool IsFresh<T>(LocalEntry<T> entry, long now) => now < entry.Schedule.LocalUntil && IsBelieved(entry) && IsTrusted(entry, now);

    private bool IsBelieved<T>(LocalEntry<T> entry) => _generations.Current(entry.KeySlot, entry.TagSlots) == entry.Generation;

    /// <summary>
    /// What may be served now if a load does not work out, or null. An invalidated value never may. A value of which this node may have missed an
    /// invalidation may if L2 answered and has neither a value nor a sign of an invalidation, which it would still have.
    /// </summary>
    private LocalEntry<T>? StandIn<T>(in Absence<T> absence)
    {
        long now = _time.GetTimestamp();
        if (absence.Fallback is not { } entry || now >= entry.Schedule.StaleUntil)
        {
            return null;
        }

        long current = _generations.Current(entry.KeySlot, entry.TagSlots);
        bool isDoubted = absence.Read.SaysNothing && Generations.IsOnlyDoubted(entry.Generation, current)
            && _time.GetElapsedTime(entry.Schedule.Created, now) < StoreLives.Void(_options);
        return entry.Generation == current || isDoubted ? entry : null;
    }

    // while the others are not heard a copy lives short, counted from when hearing stopped or from when it was made, whichever is later
    private bool IsTrusted<T>(LocalEntry<T> entry, long now)
    {
        long deafSince = _remote is null ? long.MaxValue : _remote.DeafSince;
        return deafSince == long.MaxValue || now < Math.Max(deafSince, entry.Schedule.Stored) + _isolated;
    }

    private bool IsDue(in Schedule schedule, long now) =>
        EarlyRefresh.IsDue(schedule.FreshUntil - now, schedule.LoadTime, _options.EarlyRefresh, _options.NextRandom());

    private ValueTask<CacheResult<T>> FlyAsync<T>(LoadRequest<T> request, LocalEntry<T>? current, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<CacheResult<T>>(cancellationToken);
        }

        Flight<T> flight = _flights.JoinOrLead<T>(request.FlightKey, request.KeySlot, request.TagSlots, out bool leads);
        if (leads)
        {
            _ = RunAsync(flight, request, current);
        }

        return ArriveAsync(flight, leads, cancellationToken);
    }

    /// <summary>Waits for a flight as one of its passengers, counts how it ended for this one, and leaves.</summary>
    private async ValueTask<CacheResult<T>> ArriveAsync<T>(Flight<T> flight, bool leads, CancellationToken cancellationToken)
    {
        try
        {
            Landing<T> landing = await flight.LandingAt(_time.GetTimestamp()).WaitAsync(cancellationToken).ConfigureAwait(false);
            CacheResult<T> result = landing.ToResult(_time.GetTimestamp(), _ticks, collapsed: !leads);
            _metrics.Request(result.Status);
            return result;
        }
        catch (Exception exception)
        {
            _metrics.Failed(exception, cancellationToken);
            throw;
        }
        finally
        {
            flight.Leave();
        }
    }

    /// <summary>Carries a flight from start to landing; never throws.</summary>
    private async Task RunAsync<T>(Flight<T> flight, LoadRequest<T> request, LocalEntry<T>? current)
    {
        try
        {
            await FindOrLoadAsync(flight, request, current).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            flight.Fail(exception);
        }
        finally
        {
            _flights.Remove(request.FlightKey, flight);
        }
    }

    // current: a local value that is still fresh but due for an early refresh, or null
    private async Task FindOrLoadAsync<T>(Flight<T> flight, LoadRequest<T> request, LocalEntry<T>? current)
    {
        if (LandLocal(flight, request, current, out LocalEntry<T>? fallback))
        {
            return;
        }

        var absence = new Absence<T>(fallback, default, CacheStatus.Bypass);
        if (_remote is not null && request.ConcernsRemote)
        {
            CallResult<RemoteRead> call = await _remote.ReadAsync(request.Name, request.Tags, lease: request.WillLoadAndWrite).ConfigureAwait(false);
            if (call.Outcome == CallOutcome.Done && LandRemote(flight, request, current, call.Value, fallback, out absence))
            {
                return;
            }
        }
        else if (_remote is null)
        {
            absence = absence with { Status = CacheStatus.Miss };
        }

        if (request.Allows(HybridCacheEntryFlags.DisableUnderlyingData))
        {
            await LoadAsync(flight, request, absence).ConfigureAwait(false);
        }
        else
        {
            flight.Land(new Landing<T>(Unkept<T>(default!), absence.Status, default!));
        }
    }

    /// <summary>True: landed with what another flight has stored meanwhile. False: nothing fresh here; the fallback is what may be served if loading fails.</summary>
    private bool LandLocal<T>(Flight<T> flight, Request<T> request, LocalEntry<T>? current, out LocalEntry<T>? fallback)
    {
        fallback = current;
        long now = _time.GetTimestamp();
        if (current is not null || !request.Allows(HybridCacheEntryFlags.DisableLocalCacheRead) || !_local.TryGet(request.Key, now, out LocalEntry<T>? local))
        {
            return false;
        }

        if (IsFresh(local, now) && local.TryGetValue(out T value))
        {
            flight.Land(new Landing<T>(local, CacheStatus.HitLocal, value));
            return true;
        }

        // a doubted one may stand in only if what L2 is asked about covers all of its tags
        fallback = IsBelieved(local) || local.TagSlots.AsSpan().SequenceEqual(request.TagSlots) ? local : null;
        return false;
    }

    /// <summary>True: landed with the value from L2. False: there is none, or it is this caller's turn to renew it.</summary>
    private bool LandRemote<T>(
        Flight<T> flight, Request<T> request, LocalEntry<T>? current, RemoteRead read, LocalEntry<T>? fallback, out Absence<T> absence)
    {
        absence = new Absence<T>(fallback, read, CacheStatus.Miss);
        using (read)
        {
            if (!request.Allows(HybridCacheEntryFlags.DisableDistributedCacheRead))
            {
                absence = absence with { Status = CacheStatus.Bypass };     // asked only for its stamp, which makes the write safe
                return false;
            }

            if (Materialize(flight, request, read, out T original, out int length) is not { } found)
            {
                return false;
            }

            long now = _time.GetTimestamp();
            bool isNew = current is null || found.Stamp != current.Stamp;
            if (now < found.Schedule.FreshUntil && isNew && !IsDue(found.Schedule, now))
            {
                if (request.Allows(HybridCacheEntryFlags.DisableLocalCacheWrite))
                {
                    _local.Set(request.Key, found, length);
                }

                flight.Land(new Landing<T>(found, CacheStatus.HitDistributed, original));
                return true;
            }

            absence = absence with { Fallback = now < found.Schedule.StaleUntil ? found : fallback };
            return false;
        }
    }

    private LocalEntry<T> Unkept<T>(T value)
    {
        long now = _time.GetTimestamp();
        return new LocalEntry<T>(value, default, copier: null, new Schedule(now, now, now, now, now, now, 0), keySlot: 0, tagSlots: [], generation: -1, stamp: 0);
    }
}
