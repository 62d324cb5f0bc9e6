namespace Scaling.Caching.Internal;

/// <summary>What L2 said about a key. Dispose to give the buffer back.</summary>
/// <param name="Stored">The bytes and how much longer L2 keeps them.</param>
/// <param name="Header">The value's header; null when there is no usable value.</param>
/// <param name="Stamp">What a later write must name; 0 when nothing may be written.</param>
/// <param name="Epoch">The stamp of "everything", as it was before the load begins.</param>
/// <param name="Tags">The call's tags with their stamps, as they were before the load begins.</param>
/// <param name="TagSlots">The counters of the value's own tags.</param>
/// <param name="TagGeneration">Their sum, captured before the stamps were compared.</param>
/// <param name="SaysNothing">True when L2 has neither a value nor any sign of an invalidation of the key or of the call's tags.</param>
internal readonly record struct RemoteRead(
    StoredBytes Stored, EnvelopeHeader? Header, long Stamp, long Epoch, TagStamp[] Tags, int[] TagSlots, long TagGeneration, bool SaysNothing) : IDisposable
{
    public ReadOnlyMemory<byte> Payload => Stored.Bytes[Header!.Value.PayloadOffset..];

    public void Dispose() => Stored.Dispose();
}

/// <summary>L2 behind its guards.</summary>
internal sealed partial class RemoteTier : IAsyncDisposable
{
    private readonly IStore _store;
    private readonly Guards _guards;
    private readonly Journal _journal;
    private readonly Link _link;
    private readonly TagStamps _tags;
    private readonly Generations _generations;
    private readonly CachingMetrics _metrics;
    private readonly CacheAsideOptions _options;
    private readonly TimeProvider _time;
    private int _startWaiters;

    public RemoteTier(IStore store, Generations generations, CacheAsideOptions options, TimeProvider time, CachingMetrics metrics, CachingLog log)
    {
        _store = store;
        _generations = generations;
        _options = options;
        _metrics = metrics;
        _time = time;
        _guards = new Guards(store, options.Guard, time);
        _journal = new Journal(options.Guard.JournalCapacity, time);
        _tags = new TagStamps(store.HasBus, generations, () => DeafSince != long.MaxValue, time);
        store.Heard = generations.Invalidate;
        store.StampLost = _tags.Forget;
        _link = new Link(store, _guards, _journal, generations, options.Guard, time, log);
    }

    /// <summary>The worst state of any node.</summary>
    public GuardState State => _guards.State;

    public int Owed => _journal.Count;

    /// <inheritdoc cref="Link.DeafSince"/>
    public long DeafSince => _store.HasBus ? _link?.DeafSince ?? 0 : long.MaxValue;

    public Task Started => _link.Started;

    public IStore Store => _store;

    /// <summary>False: refused because the key was invalidated or written since the stamp was read, so the value must not be kept at all.</summary>
    public async ValueTask<bool> WriteAsync(string key, long expectedStamp, ReadOnlyMemory<byte> envelope, TimeSpan timeToLive)
    {
        long start = _time.GetTimestamp();
        CallResult<bool> written = await GuardOf(Debt.Key(key)).RunAsync(
            (_store, key, expectedStamp, envelope, timeToLive),
            static call => call._store.WriteAsync(call.key, call.expectedStamp, call.envelope, call.timeToLive)).ConfigureAwait(false);
        _metrics.RemoteCall("write", written.Outcome, start);
        return written.Outcome != CallOutcome.Done || written.Value;
    }

    /// <summary>Voids whatever is at the key; the void's stamp is the right to write. The result's stamp is 0 if the invalidation is owed instead.</summary>
    public async ValueTask<RemoteRead> BeginSetAsync(string key, string[] tags)
    {
        await StartedAsync().ConfigureAwait(false);
        long start = _time.GetTimestamp();
        CallResult<Stamps> stamps = await StampsAsync(key, tags, start).ConfigureAwait(false);
        long stamp = Envelope.NewStamp();
        CacheDelivery delivery = await DeliverAsync(Debt.Key(key), stamp).ConfigureAwait(false);
        return delivery == CacheDelivery.Delivered && stamps.Outcome == CallOutcome.Done
            ? new RemoteRead(default, null, stamp, stamps.Value.Epoch, stamps.Value.Tags, [], 0, SaysNothing: false)
            : default;
    }

    public async ValueTask<CacheDelivery> InvalidateAsync(Debt debt)
    {
        await StartedAsync().ConfigureAwait(false);
        if (debt != Debt.Everything)
        {
            return await DeliverAsync(debt, debt.NewStamp()).ConfigureAwait(false);
        }

        CacheDelivery[] delivered = await Task.WhenAll(
            _store.Epochs.Select(epoch => DeliverAsync(Debt.Tag(epoch), TagStamps.ForInvalidated()).AsTask())).ConfigureAwait(false);
        return delivered.Max();
    }

    public async ValueTask DisposeAsync()
    {
        await _link.DisposeAsync().ConfigureAwait(false);
        await _store.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>
    /// Before the caller is answered this node forgets what it read before.
    /// <code>
    /// 1. L2 has the invalidation, or it is owed: from here on this node does not read the old value from L2
    /// 2. the generation moves on: what was read before 1 is not believed, wherever it is by now
    /// 3. the caller is answered
    /// </code>
    /// </summary>
    private async ValueTask<CacheDelivery> DeliverAsync(Debt debt, long stamp)
    {
        long start = _time.GetTimestamp();
        CallResult<bool> sent = await GuardOf(debt).RunAsync(
            (_store, debt, stamp),
            static async call =>
            {
                await call.debt.PayAsync(call._store, call.stamp).ConfigureAwait(false);
                return true;
            }).ConfigureAwait(false);
        _metrics.RemoteCall("invalidate", sent.Outcome, start);
        if (sent.Outcome == CallOutcome.Done)
        {
            _journal.Delivered(debt);
        }
        else
        {
            _link.Owe(debt);
        }

        _generations.Invalidate(debt);
        return sent.Outcome == CallOutcome.Done ? CacheDelivery.Delivered : CacheDelivery.Deferred;
    }

    /// <summary>True when L2 must not be asked for the key.</summary>
    private bool IsOwed(string key) => _journal.Count != 0 && (_journal.OwesKey(key) || _journal.OwesTag(_store.EpochOf(key)));

    private Guard GuardOf(Debt place) => _guards.Of(_store.NodeOf(place));

    // requests that arrive before the first contact wait for it, but no longer than for any other call, and no more of them than wait for a silent node
    private ValueTask StartedAsync() =>
        _link.Started.IsCompleted || Interlocked.Increment(ref _startWaiters) > Guard.Patient ? default : WaitForStartAsync();

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
