namespace Scaling.Caching.Internal;

/// <summary>What L2 said about a key. Dispose to give the buffer back.</summary>
/// <param name="Stored">The bytes and how much longer L2 keeps them.</param>
/// <param name="Header">The value's header; null when there is no usable value.</param>
/// <param name="Stamp">What a later write must name; 0 when nothing may be written.</param>
/// <param name="Epoch">The stamp of "everything", as it was before the load begins.</param>
/// <param name="Tags">The call's tags with their stamps, as they were before the load begins.</param>
/// <param name="TagSlots">The counters of the value's own tags.</param>
/// <param name="TagGeneration">Their sum, captured before the stamps were compared.</param>
internal readonly record struct RemoteRead(
    StoredBytes Stored, EnvelopeHeader? Header, long Stamp, long Epoch, TagStamp[] Tags, int[] TagSlots, long TagGeneration) : IDisposable
{
    public ReadOnlyMemory<byte> Payload => Stored.Bytes[Header!.Value.PayloadOffset..];

    public void Dispose() => Stored.Dispose();
}

/// <summary>L2 behind its guard.</summary>
internal sealed partial class RemoteTier : IAsyncDisposable
{
    private readonly IStore _store;
    private readonly Guard _guard;
    private readonly Link _link;
    private readonly TagStamps _tags;
    private readonly Generations _generations;
    private readonly CachingMetrics _metrics;
    private readonly CacheAsideOptions _options;
    private readonly TimeProvider _time;

    public RemoteTier(IStore store, Generations generations, CacheAsideOptions options, TimeProvider time, CachingMetrics metrics, CachingLog log)
    {
        _store = store;
        _generations = generations;
        _options = options;
        _metrics = metrics;
        _time = time;
        _guard = new Guard(options.Guard, time, store.IsAnswer);
        _tags = new TagStamps(store, generations, () => DeafSince != long.MaxValue, time);
        store.Heard = generations.Invalidate;
        _link = new Link(store, _guard, generations, options.Guard, time, log);
    }

    public GuardState State => _guard.State;

    public int Owed => _guard.Owed;

    /// <inheritdoc cref="Link.DeafSince"/>
    public long DeafSince => _store.HasBus ? _link.DeafSince : long.MaxValue;

    public Task Started => _link.Started;

    /// <summary>Reads the key and, when nothing usable is there and the caller is going to load, takes a lease. One guarded call, so one timeout at most.</summary>
    public async ValueTask<CallResult<RemoteRead>> ReadAsync(string key, string[] tags, bool lease)
    {
        await StartedAsync().ConfigureAwait(false);
        long start = _time.GetTimestamp();
        CallResult<RemoteRead> read = await _guard.RunAsync(
            (Tier: this, key, tags, lease), static call => call.Tier.ReadCoreAsync(call.key, call.tags, call.lease)).ConfigureAwait(false);
        _metrics.RemoteCall("read", read.Outcome, start);
        return read;
    }

    /// <summary>False: refused because the key was invalidated or written since the stamp was read, so the value must not be kept at all.</summary>
    public async ValueTask<bool> WriteAsync(string key, long expectedStamp, ReadOnlyMemory<byte> envelope, TimeSpan timeToLive)
    {
        long start = _time.GetTimestamp();
        CallResult<bool> written = await _guard.RunAsync(
            (_store, key, expectedStamp, envelope, timeToLive),
            static call => call._store.WriteAsync(call.key, call.expectedStamp, call.envelope, call.timeToLive)).ConfigureAwait(false);
        _metrics.RemoteCall("write", written.Outcome, start);
        return written.Outcome != CallOutcome.Done || written.Value;
    }

    /// <summary>Voids whatever is at the key and takes a lease in one step. Returns the lease's stamp, or 0 if it is owed instead.</summary>
    public async ValueTask<RemoteRead> BeginSetAsync(string key, string[] tags)
    {
        await StartedAsync().ConfigureAwait(false);
        long stamp = Envelope.NewStamp();
        long start = _time.GetTimestamp();
        CallResult<RemoteRead> begun = await _guard.RunAsync(
            (Tier: this, key, tags, stamp), static call => call.Tier.BeginSetCoreAsync(call.key, call.tags, call.stamp), urgent: true).ConfigureAwait(false);
        _metrics.RemoteCall("invalidate", begun.Outcome, start);
        Conclude(new Debt(DebtKind.Key, key), begun.Outcome);
        return begun.Outcome == CallOutcome.Done ? begun.Value : default;
    }

    public async ValueTask<CacheDelivery> InvalidateAsync(Debt debt)
    {
        await StartedAsync().ConfigureAwait(false);
        long start = _time.GetTimestamp();
        CallResult<bool> sent = await _guard.RunAsync(
            (_store, debt),
            static async call =>
            {
                await (call.debt.Kind == DebtKind.Key
                    ? call._store.InvalidateAsync(call.debt.Name, lease: null)
                    : call._store.InvalidateTagAsync(call.debt.Name, Envelope.NewStamp())).ConfigureAwait(false);
                return true;
            },
            urgent: true).ConfigureAwait(false);
        _metrics.RemoteCall("invalidate", sent.Outcome, start);
        return Conclude(debt, sent.Outcome);
    }

    public async ValueTask DisposeAsync()
    {
        await _link.DisposeAsync().ConfigureAwait(false);
        await _store.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>
    /// Before the caller is answered this node forgets what it read before.
    /// <code>
    /// 1. L2 has the invalidation, or it is owed and the guard is open: from here on this node cannot read the old value from L2
    /// 2. the generation moves on: what was read before 1 is not believed, wherever it is by now
    /// 3. the caller is answered
    /// </code>
    /// </summary>
    private CacheDelivery Conclude(Debt debt, CallOutcome outcome)
    {
        if (outcome != CallOutcome.Done)
        {
            _guard.Owe(debt);
        }

        _generations.Invalidate(debt);
        return outcome == CallOutcome.Done ? CacheDelivery.Delivered : CacheDelivery.Deferred;
    }

    private async Task<RemoteRead> ReadCoreAsync(string key, string[] tags, bool lease)
    {
        long epoch = await _tags.GetAsync(TagNames.All).ConfigureAwait(false);
        TagStamp[] stamps = await StampsAsync(tags).ConfigureAwait(false);
        StoredBytes stored = await _store.FetchAsync(key).ConfigureAwait(false);
        for (bool mayLease = lease; ; mayLease = false)
        {
            if (Envelope.TryReadHeader(stored.Bytes.Span, out EnvelopeHeader header))
            {
                int[] slots = Array.ConvertAll(header.Tags, tag => Generations.SlotOfTag(tag.Tag));
                long generation = _generations.OfTags(slots);
                bool valid = header.Epoch == epoch && await AreCurrentAsync(header.Tags).ConfigureAwait(false);
                return new RemoteRead(stored, valid ? header : null, header.Stamp, epoch, stamps, slots, generation);
            }

            if (Envelope.IsLease(stored.Bytes.Span))
            {
                return new RemoteRead(stored, null, Envelope.StampOf(stored.Bytes.Span), epoch, stamps, [], 0);
            }

            bool foreign = !stored.IsNone;
            stored.Dispose();
            if (foreign)
            {
                _metrics.Poisoned();
            }

            if (!mayLease)
            {
                return new RemoteRead(default, null, 0, epoch, stamps, [], 0);
            }

            stored = await _store.LeaseAsync(key, Envelope.Lease(Envelope.NewStamp()), replace: foreign).ConfigureAwait(false);
        }
    }

    private async Task<RemoteRead> BeginSetCoreAsync(string key, string[] tags, long stamp)
    {
        long epoch = await _tags.GetAsync(TagNames.All).ConfigureAwait(false);
        TagStamp[] stamps = await StampsAsync(tags).ConfigureAwait(false);
        await _store.InvalidateAsync(key, Envelope.Lease(stamp)).ConfigureAwait(false);
        return new RemoteRead(default, null, stamp, epoch, stamps, [], 0);
    }

    private async ValueTask<TagStamp[]> StampsAsync(string[] tags)
    {
        if (tags.Length == 0)
        {
            return [];
        }

        var stamps = new TagStamp[tags.Length];
        for (int i = 0; i < tags.Length; i++)
        {
            stamps[i] = new TagStamp(tags[i], await _tags.GetAsync(tags[i]).ConfigureAwait(false));
        }

        return stamps;
    }

    private async ValueTask<bool> AreCurrentAsync(TagStamp[] tags)
    {
        foreach (TagStamp tag in tags)
        {
            if (await _tags.GetAsync(tag.Tag).ConfigureAwait(false) != tag.Stamp)
            {
                return false;
            }
        }

        return true;
    }

    // requests that arrive before the first contact wait for it, but no longer than for any other call
    private ValueTask StartedAsync() => _link.Started.IsCompleted ? default : WaitForStartAsync();

    private async ValueTask WaitForStartAsync()
    {
        try
        {
            await _link.Started.WaitAsync(_options.Guard.Timeout, _time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // the guard is not closed yet: the call goes around L2
        }
    }
}
