using Microsoft.Extensions.Caching.Hybrid;
using Scaling.Caching.Internal;

namespace Scaling.Caching;

public sealed partial class CacheAside
{
    /// <summary>True: the entry may be served as fresh by this node.</summary>
    private bool TryGetLocal<T>(string key, long now, out LocalEntry<T> entry) =>
        _local.TryGet(key, out entry) && IsBelieved(entry) && now < entry.Schedule.LocalUntil && IsTrusted(entry, now);

    private bool IsBelieved<T>(LocalEntry<T> entry) => _generations.Current(entry.KeySlot, entry.TagSlots) == entry.Generation;

    // while the others are not heard a copy lives short, counted from when hearing stopped or from when it was made, whichever is later
    private bool IsTrusted<T>(LocalEntry<T> entry, long now)
    {
        long deafSince = _remote is null ? long.MaxValue : _remote.DeafSince;
        return deafSince == long.MaxValue || now < Math.Max(deafSince, entry.Schedule.Stored) + _isolated;
    }

    private CacheResult<T> Hit<T>(LocalEntry<T> entry, long now)
    {
        _metrics.Request(CacheStatus.HitLocal);
        return entry.ToResult(entry.Value, CacheStatus.HitLocal, now, _time);
    }

    // true: this caller should reload the value although it is fresh; the others keep hitting
    private bool IsDue<T>(LocalEntry<T> entry, long now, Request<T> request) =>
        EarlyRefresh.IsDue(entry.Schedule.FreshUntil - now, entry.Schedule.LoadTime, _options.EarlyRefresh, Random.Shared.NextDouble())
        && !_flights.IsUnderWay(request.FlightKey);

    private async ValueTask<CacheResult<T>> FlyAsync<T>(Request<T> request, LocalEntry<T>? current, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Flight<T> flight = _flights.JoinOrLead<T>(request.FlightKey, request.KeySlot, request.TagSlots, out bool leads);
        if (leads)
        {
            _ = RunAsync(flight, request, current);
        }

        try
        {
            Landing<T> landing = await flight.Landing.WaitAsync(cancellationToken).ConfigureAwait(false);
            _metrics.Request(landing.Status);
            return landing.ToResult(_time, collapsed: !leads);
        }
        catch (CacheLoadShedException)
        {
            _metrics.Request(CacheStatus.Shed);
            throw;
        }
        finally
        {
            flight.Leave();
        }
    }

    /// <summary>Carries a flight from start to landing; never throws.</summary>
    private async Task RunAsync<T>(Flight<T> flight, Request<T> request, LocalEntry<T>? current)
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
    private async Task FindOrLoadAsync<T>(Flight<T> flight, Request<T> request, LocalEntry<T>? current)
    {
        LocalEntry<T>? fallback = current;
        if (current is null && request.Allows(HybridCacheEntryFlags.DisableLocalCacheRead) && _local.TryGet(request.Key, out LocalEntry<T> local))
        {
            long now = _time.GetTimestamp();
            if (TryGetLocal(request.Key, now, out local))
            {
                flight.Land(new Landing<T>(local, CacheStatus.HitLocal, local.Value));      // stored between this caller's look and its flight
                return;
            }

            fallback = local is not null && IsBelieved(local) && now < local.Schedule.StaleUntil ? local : null;
        }

        var status = CacheStatus.Miss;
        RemoteRead read = default;
        if (_remote is not null)
        {
            bool loads = request.Allows(HybridCacheEntryFlags.DisableUnderlyingData);
            CallResult<RemoteRead> call = request.Allows(HybridCacheEntryFlags.DisableDistributedCacheRead)
                ? await _remote.ReadAsync(request.Name, request.Tags, lease: loads).ConfigureAwait(false)
                : new(CallOutcome.Rejected, default);
            if (call.Outcome != CallOutcome.Done)
            {
                status = CacheStatus.Bypass;
            }
            else
            {
                using (read = call.Value)
                {
                    LocalEntry<T>? found = Materialize(flight, request, read, out T original, out int length);
                    long now = _time.GetTimestamp();
                    if (found is not null && now < found.Schedule.FreshUntil && !(current is not null && found.Stamp == current.Stamp)
                        && !EarlyRefresh.IsDue(found.Schedule.FreshUntil - now, found.Schedule.LoadTime, _options.EarlyRefresh, Random.Shared.NextDouble()))
                    {
                        if (request.Allows(HybridCacheEntryFlags.DisableLocalCacheWrite))
                        {
                            _local.Set(request.Key, found, length);
                        }

                        flight.Land(new Landing<T>(found, CacheStatus.HitDistributed, original));
                        return;
                    }

                    fallback = found is not null && now < found.Schedule.StaleUntil ? found : fallback;
                }
            }
        }

        if (request.Allows(HybridCacheEntryFlags.DisableUnderlyingData))
        {
            await LoadAsync(flight, request, fallback, read, status).ConfigureAwait(false);
        }
        else
        {
            flight.Land(new Landing<T>(Unkept<T>(default!), status, default!));
        }
    }

    /// <summary>The value read from L2 as a local entry; null if there is none or it cannot be read as a <typeparamref name="T"/>.</summary>
    private LocalEntry<T>? Materialize<T>(Flight<T> flight, Request<T> request, in RemoteRead read, out T original, out int length)
    {
        original = default!;
        length = 0;
        if (read.Header is not { } header)
        {
            return null;
        }

        ValueType<T> type = _types.Get<T>();
        byte[]? payload = null;
        try
        {
            if (header.TypeMark != ValueType<T>.Mark)
            {
                _metrics.Poisoned();
                return null;
            }

            length = read.Payload.Length;
            if (!header.IsNull)
            {
                payload = ValueType<T>.IsImmutable ? null : read.Payload.ToArray();
                original = type.Serializer.Deserialize(new(payload ?? read.Payload));
            }
        }
        catch (Exception)
        {
            _metrics.Poisoned();        // one load heals it: the header's stamp lets the load's write replace it
            return null;
        }

        TimeSpan age = read.Stored.TimeToLive is { } timeToLive
            ? TimeSpan.FromMilliseconds(header.Life + header.Stale) - timeToLive
            : _time.GetUtcNow() - DateTimeOffset.FromUnixTimeMilliseconds(header.CreatedUnix);
        Schedule schedule = Plan(
            request.Lifetimes,
            TimeSpan.FromMilliseconds(header.Life),
            TimeSpan.FromMilliseconds(header.Stale),
            age < TimeSpan.Zero ? TimeSpan.Zero : age,
            TimeSpan.FromMicroseconds(header.LoadMicroseconds));
        return new LocalEntry<T>(
            payload is null ? original : default!,
            payload,
            payload is null ? null : type.Serializer,
            schedule,
            request.KeySlot,
            read.TagSlots,
            flight.KeyGeneration + read.TagGeneration,
            header.Stamp);
    }

    private Schedule Plan(Lifetimes lifetimes, TimeSpan life, TimeSpan stale, TimeSpan age, TimeSpan loadTime)
    {
        long now = _time.GetTimestamp();
        long freshUntil = now + ToTimestamps(life - age);
        long delta = ToTimestamps(loadTime);
        return new Schedule(
            Created: now - ToTimestamps(age),
            Stored: now,
            LocalUntil: lifetimes.Local is { } local ? Math.Min(freshUntil, now + ToTimestamps(local)) : freshUntil,
            RefreshFrom: freshUntil - (long)(delta * _options.EarlyRefresh * EarlyRefresh.Horizon),
            FreshUntil: freshUntil,
            StaleUntil: freshUntil + ToTimestamps(stale),
            LoadTime: delta);
    }

    private LocalEntry<T> Unkept<T>(T value)
    {
        long now = _time.GetTimestamp();
        return new LocalEntry<T>(value, default, copier: null, new Schedule(now, now, now, now, now, now, 0), keySlot: 0, tagSlots: [], generation: -1, stamp: 0);
    }
}
