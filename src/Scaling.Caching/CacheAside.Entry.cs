using Microsoft.Extensions.Caching.Hybrid;
using Scaling.Caching.Internal;

namespace Scaling.Caching;

/// <summary>How a value becomes an entry: from the bytes of L2, or fresh from its source.</summary>
public sealed partial class CacheAside
{
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
        Schedule schedule;
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

            TimeSpan age = read.Stored.TimeToLive is { } timeToLive
                ? TimeSpan.FromMilliseconds(header.Life + header.Stale) - timeToLive
                : _time.GetUtcNow() - DateTimeOffset.FromUnixTimeMilliseconds(header.CreatedUnix);
            schedule = Plan(
                request.Lifetimes,
                TimeSpan.FromMilliseconds(header.Life),
                TimeSpan.FromMilliseconds(header.Stale),
                age < TimeSpan.Zero ? TimeSpan.Zero : age,
                TimeSpan.FromMicroseconds(header.LoadMicroseconds));
        }
        catch (Exception)
        {
            _metrics.Poisoned();        // one load heals it: the header's stamp lets the load's write replace it
            return null;
        }

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

    /// <summary>A value made ready for both levels; nothing to write when L2 may not, or need not, have it.</summary>
    private readonly record struct Draft<T>(LocalEntry<T> Entry, bool KeepLocally, RemoteWrite? Write, int PayloadLength);

    private Draft<T> Prepare<T>(Target target, in RemoteRead read, T value, TimeSpan expiration, TimeSpan loadTime, long generation)
    {
        TimeSpan life = Lifetimes.FreshFor(expiration, target.Lifetimes.Null, value is null, _options.Jitter, _options.NextRandom());
        if (life < TimeSpan.FromMilliseconds(1))
        {
            return new Draft<T>(Unkept(value), false, null, 0);
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

            return new Draft<T>(Unkept(value), false, null, 0);
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
            read.Stamp != 0 && target.WillWrite ? new RemoteWrite(target.Name, read.Stamp, envelope, life + target.Lifetimes.Stale) : null,
            envelope.Length - headerLength);
    }

    private byte[]? TrySerialize<T>(ValueType<T> type, T value, int headerLength)
    {
        try
        {
            byte[] bytes = type.Serialize(value, headerLength);
            if (!type.IsProven && value is not null)
            {
                _ = type.Serializer.Deserialize(new(bytes.AsMemory(headerLength)));      // once: a type that cannot be read back is not worth keeping
                type.IsProven = true;
            }

            return bytes;
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

    private long ToTimestamps(TimeSpan time) => (long)(time.TotalSeconds * _time.TimestampFrequency);
}
