using StackExchange.Redis;

namespace Scaling.Batching.Redis.Internal;

/// <summary>Whose turn it is: entries that lost their holder, then new ones.</summary>
/// <remarks>
/// An entry that kills its process takes its neighbours down with it, and all of them count a delivery. So that they do not share its
/// fate in the end, whatever was delivered twice and abandoned again is taken alone, by a drain that holds nothing else: only what is
/// in hand at a death counts one more, and that is the killer.
/// </remarks>
internal sealed partial class StreamDrain<T>
{
    private const int SuspectFrom = 2;
    private static readonly TimeSpan s_samplePeriod = TimeSpan.FromSeconds(1);

    private bool _isAlone;
    private long _renewedAt, _lookAt, _sampleAt;

    private async Task<Delivery[]> TakeAsync()
    {
        await SampleAsync().ConfigureAwait(false);
        int room = options.MaxInFlight - _held.Count;
        _isAlone &= _held.Count > 0;
        if (_isAlone || room * 2 < options.MaxInFlight)
        {
            return [];
        }

        if (time.GetTimestamp() >= _lookAt)
        {
            StreamPendingMessageInfo[] abandoned = await stream.ListAbandonedAsync(options.AbandonedAfter, room).ConfigureAwait(false);
            abandoned = [.. abandoned.Where(entry => !_held.ContainsKey(entry.MessageId!))];
            if (abandoned.Length > 0)
            {
                return await TakeOverAsync(abandoned).ConfigureAwait(false);
            }

            await stream.TidyAsync(options.AbandonedAfter).ConfigureAwait(false);
            _lookAt = In(options.AbandonedAfter / 4);
        }

        return Hold(await stream.ReadNewAsync(_consumer, room).ConfigureAwait(false));
    }

    private async Task<Delivery[]> TakeOverAsync(StreamPendingMessageInfo[] abandoned)
    {
        StreamPendingMessageInfo[] harmless = [.. abandoned.Where(entry => entry.DeliveryCount < SuspectFrom)];
        if (harmless.Length > 0)
        {
            return await ClaimAsync(harmless).ConfigureAwait(false);
        }

        if (_held.Count > 0)
        {
            return []; // first the hands must be empty
        }

        Delivery[] claimed = await ClaimAsync([abandoned[0]]).ConfigureAwait(false);
        _isAlone = claimed.Length > 0;
        if (_isAlone && abandoned[0].DeliveryCount >= options.MaxDeliveries)
        {
            _bad.Add((claimed[0], new InvalidOperationException($"The entry was delivered {abandoned[0].DeliveryCount} times, and every holder of it died.")));
            return [];
        }

        return claimed;
    }

    private async Task<Delivery[]> ClaimAsync(StreamPendingMessageInfo[] entries)
    {
        Delivery[] claimed = Hold(await stream.ClaimAsync(_consumer, options.AbandonedAfter, Array.ConvertAll(entries, entry => entry.MessageId)).ConfigureAwait(false));
        metrics.Count(EntryEvent.Claimed, claimed.Length);
        return claimed;
    }

    /// <summary>The entries that were not in hand before: a Redis that lost its last second may deliver one again.</summary>
    private Delivery[] Hold(Delivery[] entries) => [.. entries.Where(entry => _held.TryAdd(entry.Entry, entry))];

    private async Task RenewAsync()
    {
        if (_held.Count > 0)
        {
            if (time.GetElapsedTime(_renewedAt) < options.AbandonedAfter / 3)
            {
                return;
            }

            await stream.RenewAsync(_consumer, _held.Values).ConfigureAwait(false);
        }

        _renewedAt = time.GetTimestamp();
    }

    private async Task SampleAsync()
    {
        if (metrics.WantsLength && time.GetTimestamp() >= _sampleAt)
        {
            metrics.SawLength(await stream.LengthAsync().ConfigureAwait(false));
            metrics.SawDeadLength(await stream.DeadLengthAsync().ConfigureAwait(false));
            _sampleAt = In(s_samplePeriod);
        }
    }

    private long In(TimeSpan delay) => time.GetTimestamp() + (long)(delay.TotalSeconds * time.TimestampFrequency);
}
