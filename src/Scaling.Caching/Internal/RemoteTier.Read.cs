namespace Scaling.Caching.Internal;

internal sealed partial class RemoteTier
{
    /// <summary>Reads the key and, when nothing usable is there and the caller is going to load, takes a lease. All of it within one timeout.</summary>
    public async ValueTask<CallResult<RemoteRead>> ReadAsync(string key, string[] tags, bool lease)
    {
        await StartedAsync().ConfigureAwait(false);
        long start = _time.GetTimestamp();
        CallResult<RemoteRead> read = IsOwed(key)
            ? CallResult<RemoteRead>.Rejected
            : await ReadCoreAsync(key, tags, lease, start).ConfigureAwait(false);
        _metrics.RemoteCall("read", read.Outcome, start);
        return read;
    }

    private async ValueTask<CallResult<RemoteRead>> ReadCoreAsync(string key, string[] tags, bool lease, long start)
    {
        Guard guard = GuardOf(Debt.Key(key));
        ValueTask<CallResult<StoredBytes>> fetching = guard.RunAsync(
            (_store, key, lease), static call => call._store.FetchAsync(call.key, call.lease ? Envelope.Lease(Envelope.NewStamp()) : null));
        CallResult<Stamps> stamps = await StampsAsync(key, tags, start).ConfigureAwait(false);
        CallResult<StoredBytes> fetched = await fetching.ConfigureAwait(false);
        CallResult<RemoteRead> read = await JudgeAsync(fetched, stamps, start).ConfigureAwait(false);
        if (!lease || read is not { Outcome: CallOutcome.Done, Value.Stamp: 0 })
        {
            return read;
        }

        CallResult<StoredBytes> leased = await guard.RunAsync(
            (_store, key, Replace: !fetched.Value.IsNone),
            static call => call._store.LeaseAsync(call.key, Envelope.Lease(Envelope.NewStamp()), call.Replace),
            Left(start)).ConfigureAwait(false);
        return await JudgeAsync(leased, stamps, start, read.Value.SaysNothing).ConfigureAwait(false);
    }

    /// <summary>What the bytes found mean. A stamp of 0 says that nothing is there that could be written over: a lease is wanted first.</summary>
    private async ValueTask<CallResult<RemoteRead>> JudgeAsync(
        CallResult<StoredBytes> found, CallResult<Stamps> asked, long start, bool saidNothing = true)
    {
        StoredBytes stored = found.Value;
        if (found.Outcome != CallOutcome.Done || asked.Outcome != CallOutcome.Done)
        {
            stored.Dispose();
            return new(found.Outcome != CallOutcome.Done ? found.Outcome : asked.Outcome, default);
        }

        Stamps stamps = asked.Value;
        var nothing = new RemoteRead(default, null, 0, stamps.Epoch, stamps.Tags, [], 0, saidNothing && stamps.SayNothing);
        if (stored.IsNone)
        {
            return new(CallOutcome.Done, nothing);
        }

        if (Envelope.IsLease(stored.Bytes.Span))
        {
            // a void is the sign of an invalidation, a lease only that somebody loads
            bool isVoid = Envelope.IsVoid(stored.Bytes.Span);
            return new(CallOutcome.Done, nothing with { Stored = stored, Stamp = Envelope.StampOf(stored.Bytes.Span), SaysNothing = nothing.SaysNothing && !isVoid });
        }

        if (!Envelope.TryReadHeader(stored.Bytes.Span, out EnvelopeHeader header))
        {
            stored.Dispose();
            _metrics.Poisoned();
            return new(CallOutcome.Done, nothing with { SaysNothing = false });
        }

        int[] slots = Array.ConvertAll(header.Tags, tag => Generations.SlotOfTag(tag.Tag));
        long generation = _generations.OfTags(slots);
        bool valid = header.Epoch == stamps.Epoch;
        foreach (TagStamp tag in header.Tags)
        {
            valid &= !_journal.OwesTag(tag.Tag);        // asked before the stamp is read, for the debt may be paid in between
            CallResult<long> current = await StampAsync(tag.Tag, start).ConfigureAwait(false);
            if (current.Outcome != CallOutcome.Done)
            {
                stored.Dispose();
                return new(current.Outcome, default);       // its tag's node is away: nobody can say whether the value is current
            }

            valid &= current.Value == tag.Stamp;
        }

        return new(CallOutcome.Done, new RemoteRead(
            stored, valid ? header : null, header.Stamp, stamps.Epoch, stamps.Tags, slots, generation, SaysNothing: false));
    }

    /// <summary>The stamps that a value must bear to be current.</summary>
    private readonly record struct Stamps(long Epoch, TagStamp[] Tags, bool SayNothing);

    private async ValueTask<CallResult<Stamps>> StampsAsync(string key, string[] tags, long start)
    {
        CallResult<long> epoch = await StampAsync(_store.EpochOf(key), start).ConfigureAwait(false);
        TagStamp[] stamps = tags.Length == 0 ? [] : new TagStamp[tags.Length];
        bool sayNothing = !TagStamps.IsInvalidation(epoch.Value);
        for (int i = 0; i < tags.Length && epoch.Outcome == CallOutcome.Done; i++)
        {
            CallResult<long> stamp = await StampAsync(tags[i], start).ConfigureAwait(false);
            if (stamp.Outcome != CallOutcome.Done)
            {
                return new(stamp.Outcome, default);
            }

            stamps[i] = new TagStamp(tags[i], stamp.Value);
            sayNothing &= !TagStamps.IsInvalidation(stamp.Value);
        }

        return new(epoch.Outcome, new Stamps(epoch.Value, stamps, sayNothing));
    }

    private ValueTask<CallResult<long>> StampAsync(string tag, long start) =>
        _tags.TryGet(tag, out long stamp) ? new(new CallResult<long>(CallOutcome.Done, stamp)) : ReadStampAsync(tag, start);

    private async ValueTask<CallResult<long>> ReadStampAsync(string tag, long start)
    {
        long ticket = _tags.Ticket(tag);
        CallResult<long> read = await GuardOf(Debt.Tag(tag)).RunAsync(
            (_store, tag), static call => call._store.TagStampAsync(call.tag, TagStamps.ForMissing()), Left(start)).ConfigureAwait(false);
        if (read.Outcome == CallOutcome.Done)
        {
            _tags.Remember(tag, read.Value, ticket);
        }

        return read;
    }

    private TimeSpan Left(long start)
    {
        TimeSpan left = _options.Guard.Timeout - _time.GetElapsedTime(start);
        return left > TimeSpan.FromMilliseconds(1) ? left : TimeSpan.FromMilliseconds(1);
    }
}
