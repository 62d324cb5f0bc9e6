using System.Diagnostics;
using Microsoft.Extensions.Caching.Hybrid;
using Scaling.Caching.Internal;

namespace Scaling.Caching;

public sealed partial class CacheAside
{
    // fallback: what may be served if loading does not work out, or null
    // read: what L2 said before the load began, with the stamps that make the later write safe
    // status: what a loaded value is reported as
    private async Task LoadAsync<T>(Flight<T> flight, Request<T> request, LocalEntry<T>? fallback, RemoteRead read, CacheStatus status)
    {
        if (!await _gate.EnterAsync(fallback is null ? _options.LoadQueueTimeout : TimeSpan.Zero, flight.Token).ConfigureAwait(false))
        {
            LandFallback(flight, fallback, new CacheLoadShedException(_options.MaxConcurrentLoads));
            return;
        }

        var context = new CacheLoadContext(request.Key, request.Lifetimes.Fresh);
        long start = _time.GetTimestamp();
        using Activity? activity = CachingMetrics.Source.StartActivity("cache.load");
        Task<T> load = StartLoad(flight, request, context);
        _gate.LeaveWith(load);
        T value;
        try
        {
            value = await AwaitLoadAsync(flight, load, fallback).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            bool timedOut = exception is TimeoutException && !load.IsCompleted;
            _metrics.Load(timedOut ? "timeout" : "error", _time.GetElapsedTime(start));
            activity?.SetStatus(ActivityStatusCode.Error, exception.Message);
            if (timedOut)
            {
                flight.Cancel();
            }

            LandFallback(flight, fallback, timedOut ? new TimeoutException($"Loading '{request.Key}' took longer than CacheAsideOptions.LoadTimeout ({_options.LoadTimeout}).") : exception);
            return;
        }

        TimeSpan loadTime = _time.GetElapsedTime(start);
        _metrics.Load("ok", loadTime);
        Keep(flight, request, read, value, context.Expiration, loadTime, status);
    }

    private static Task<T> StartLoad<T>(Flight<T> flight, Request<T> request, CacheLoadContext context)
    {
        try
        {
            return request.LoadAsync(context, flight.Token).AsTask();
        }
        catch (Exception exception)
        {
            return Task.FromException<T>(exception);
        }
    }

    private async ValueTask<T> AwaitLoadAsync<T>(Flight<T> flight, Task<T> load, LocalEntry<T>? fallback)
    {
        if (fallback is not null && _options.SoftLoadTimeout is { } soft && soft < _options.LoadTimeout)
        {
            try
            {
                return await load.WaitAsync(soft, _time, flight.Token).ConfigureAwait(false);
            }
            catch (TimeoutException) when (!load.IsCompleted && flight.TryJoin())
            {
                // joined on behalf of nobody: the callers leave with the stale value, the load goes on
                flight.Land(new Landing<T>(fallback, StatusOf(fallback), fallback.Value));
            }
        }

        return await load.WaitAsync(_options.LoadTimeout, _time, flight.Token).ConfigureAwait(false);
    }

    private void LandFallback<T>(Flight<T> flight, LocalEntry<T>? fallback, Exception otherwise)
    {
        if (fallback is not null && _time.GetTimestamp() < fallback.Schedule.StaleUntil)
        {
            flight.Land(new Landing<T>(fallback, StatusOf(fallback), fallback.Value));
        }
        else
        {
            flight.Fail(otherwise);
        }
    }

    private CacheStatus StatusOf<T>(LocalEntry<T> fallback) =>
        _time.GetTimestamp() < fallback.Schedule.FreshUntil ? CacheStatus.HitLocal : CacheStatus.Stale;

    /// <summary>Keeps what was loaded, lands it, and hands it to L2 behind the callers' backs.</summary>
    private void Keep<T>(
        Flight<T> flight, Request<T> request, in RemoteRead read, T value, TimeSpan expiration, TimeSpan loadTime, CacheStatus status)
    {
        Draft<T> draft = Prepare(request, read, value, expiration, loadTime, flight.KeyGeneration + flight.TagGeneration);
        if (draft.KeepLocally)
        {
            _local.Set(request.Key, draft.Entry, draft.PayloadLength);
        }

        flight.Land(new Landing<T>(draft.Entry, status, value));
        if (draft.Envelope is not null && read.Stamp != 0)
        {
            _ = WriteBehindAsync(request, read.Stamp, draft);
        }
    }

    private async Task WriteBehindAsync<T>(Request<T> request, long expectedStamp, Draft<T> draft)
    {
        bool kept = await _remote!.WriteAsync(request.Name, expectedStamp, draft.Envelope, draft.TimeToLive).ConfigureAwait(false);
        if (!kept)
        {
            // invalidated since the load began, or another node was faster: L2 knows better. The generations would see to it too, once the bus tells
            _metrics.Refused();
            _local.Remove(request.Key);
        }
    }

    /// <summary>A value made ready for both levels.</summary>
    private readonly record struct Draft<T>(LocalEntry<T> Entry, bool KeepLocally, byte[]? Envelope, int PayloadLength, TimeSpan TimeToLive);

    private Draft<T> Prepare<T>(Target target, in RemoteRead read, T value, TimeSpan expiration, TimeSpan loadTime, long generation)
    {
        TimeSpan life = Lifetimes.FreshFor(expiration, target.Lifetimes.Null, value is null, _options.Jitter, Random.Shared.NextDouble());
        if (life < TimeSpan.FromMilliseconds(1))
        {
            return new Draft<T>(Unkept(value), false, null, 0, default);
        }

        ValueType<T> type = _types.Get<T>();
        TagStamp[] tags = read.Tags ?? [];
        int headerLength = Envelope.HeaderLength(tags);
        byte[]? envelope = TrySerialize(type, value, headerLength);
        if (envelope is null || envelope.Length - headerLength > _options.MaxPayloadBytes)
        {
            if (envelope is not null)
            {
                _metrics.Unkept("oversize");
            }

            return new Draft<T>(Unkept(value), false, null, 0, default);
        }

        Schedule schedule = Plan(target.Lifetimes, life, target.Lifetimes.Stale, age: TimeSpan.Zero, loadTime);
        long stamp = Envelope.NewStamp();
        Envelope.WriteHeader(envelope, new EnvelopeHeader(
            stamp,
            value is null,
            ValueType<T>.Mark,
            (long)life.TotalMilliseconds,
            (long)target.Lifetimes.Stale.TotalMilliseconds,
            _time.GetUtcNow().ToUnixTimeMilliseconds(),
            (long)loadTime.TotalMicroseconds,
            read.Epoch,
            tags,
            headerLength));
        bool copies = !ValueType<T>.IsImmutable && value is not null;
        var entry = new LocalEntry<T>(
            copies ? default! : value,
            copies ? envelope.AsMemory(headerLength) : default,
            copies ? type.Serializer : null,
            schedule,
            target.KeySlot,
            target.TagSlots,
            generation,
            stamp);
        return new Draft<T>(
            entry,
            target.Allows(HybridCacheEntryFlags.DisableLocalCacheWrite),
            target.Allows(HybridCacheEntryFlags.DisableDistributedCacheWrite) ? envelope : null,
            envelope.Length - headerLength,
            life + target.Lifetimes.Stale);
    }

    private byte[]? TrySerialize<T>(ValueType<T> type, T value, int headerLength)
    {
        try
        {
            return type.Serialize(value, headerLength);
        }
        catch (Exception exception)
        {
            _metrics.Unkept("serialization");
            if (Interlocked.Exchange(ref type.Complained, 1) == 0)
            {
                _log.NotSerializable(typeof(T), exception);
            }

            return null;
        }
    }
}
