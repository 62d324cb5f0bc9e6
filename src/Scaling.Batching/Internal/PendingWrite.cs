using System.Threading.Tasks.Sources;

namespace Scaling.Batching.Internal;

/// <summary>One write from the caller's hand to its outcome, and the awaitable that the caller holds. Reused, so that a write allocates nothing.</summary>
/// <remarks>
/// One atomic state decides between the loop, the caller's token and a late delegate:
/// <list type="number">
/// <item>The loop claims a write (queued to claimed) just before it goes into a batch. Only claimed writes are sent.</item>
/// <item>The token cancels it (queued to cancelled). Whoever comes first wins, so a cancelled write is never sent.</item>
/// <item>A token that comes too late only notes that the caller is gone (claimed to gone); the outcome still arrives.</item>
/// <item>The outcome is set by whoever settles it first (claimed or gone to settled): the batch, or a stop that gave up on the batch.</item>
/// </list>
/// A write returns to the pool only when nobody else can still hold it: settled by its batch, its token's callback never run.
/// </remarks>
internal sealed partial class PendingWrite<TItem, TResult> : Message, IValueTaskSource<TResult>, IValueTaskSource
{
    private const int Queued = 0, Claimed = 1, Cancelled = 2, Gone = 3, Settled = 4;

    private ManualResetValueTaskSourceCore<TResult> _outcome;
    private CancellationTokenRegistration _registration;
    private BatchEngine<TItem, TResult>? _engine;
    private Batch<TItem, TResult>? _batch;
    private int _state;
    private bool _reusable;

    public TItem Item = default!;
    public object? Partition;
    public object? OrderKey;

    /// <summary>When the loop saw the write, and in which epoch of the ledger. Both belong to the loop.</summary>
    public long ArrivedAt, Epoch;

    /// <summary>The order of arrival. Belongs to the loop.</summary>
    public long Sequence;

    /// <summary>The next one in the pool.</summary>
    public PendingWrite<TItem, TResult>? NextInPool;

    public override int Writes => 1;

    public short Version => _outcome.Version;

    public void Start(BatchEngine<TItem, TResult> engine, TItem item)
    {
        _engine = engine;
        Item = item;
        _reusable = true;
        Volatile.Write(ref _state, Queued);
    }

    /// <summary>Listens to the caller's token. Called before the write is posted, because afterwards it may settle at any moment.</summary>
    public void ListenTo(CancellationToken cancellationToken)
    {
        if (cancellationToken.CanBeCanceled)
        {
            _registration = cancellationToken.UnsafeRegister(
                static (write, token) => ((PendingWrite<TItem, TResult>)write!).OnCancelled(token), this);
        }
    }

    /// <summary>True: the write is the caller's to send, in <paramref name="batch"/>. False: it was cancelled, and only its room is left to give back.</summary>
    public bool TryClaim(Batch<TItem, TResult> batch)
    {
        _batch = batch;
        return Interlocked.CompareExchange(ref _state, Claimed, Queued) == Queued;
    }

    /// <summary>Sets the result. False: somebody else has settled the write already.</summary>
    /// <param name="result">What the store answered.</param>
    /// <param name="wasGone">Whether the caller had cancelled meanwhile.</param>
    public bool TrySucceed(TResult result, out bool wasGone)
    {
        if (!TrySettle(out wasGone))
        {
            return false;
        }

        Guarded(static (write, value) => write._outcome.SetResult(value), result);
        return true;
    }

    /// <summary>Sets the error. False: somebody else has settled the write already.</summary>
    public bool TryFail(Exception error, out bool wasGone)
    {
        if (!TrySettle(out wasGone))
        {
            return false;
        }

        Guarded(static (write, value) => write._outcome.SetException(value), error);
        return true;
    }

    /// <summary>Gives up on a write whose batch is still running: it is settled now and never reused. False: it has its outcome.</summary>
    public bool TryAbandon(Exception error)
    {
        _reusable = false; // the batch still holds it
        return TryFail(error, out _);
    }

    /// <summary>Refuses a write that has not been sent. True: done, its room is the caller's to give back. False: it was cancelled.</summary>
    public bool TryReject(Exception error)
    {
        if (Interlocked.CompareExchange(ref _state, Settled, Queued) != Queued)
        {
            return false;
        }

        _reusable = Unregister();
        Guarded(static (write, value) => write._outcome.SetException(value), error);
        return true;
    }

    /// <summary>Forgets a write that nobody awaits, because it was refused before its caller received a task.</summary>
    public void Discard()
    {
        _registration.Unregister();
    }

    public TResult GetResult(short token)
    {
        try
        {
            return _outcome.GetResult(token);
        }
        finally
        {
            if (_reusable && token == _outcome.Version && Volatile.Read(ref _state) == Settled)
            {
                Reset();
            }
        }
    }

    public ValueTaskSourceStatus GetStatus(short token) => _outcome.GetStatus(token);

    void IValueTaskSource.GetResult(short token) => GetResult(token);

    private void Reset()
    {
        _outcome.Reset();
        Item = default!;
        Partition = OrderKey = null;
        _batch = null;
        _engine = null;
        _registration = default;
        WritePool<TItem, TResult>.Return(this);
    }

    private void OnCancelled(CancellationToken token)
    {
        if (Interlocked.CompareExchange(ref _state, Cancelled, Queued) == Queued)
        {
            _reusable = false; // the queue still holds it
            BatchEngine<TItem, TResult> engine = _engine!;
            engine.OnCancelled(this);
            _outcome.SetException(new OperationCanceledException(token));
        }
        else if (Interlocked.CompareExchange(ref _state, Gone, Claimed) == Claimed)
        {
            _batch!.CallerGone();
        }
    }

    private bool TrySettle(out bool wasGone)
    {
        int before = Interlocked.CompareExchange(ref _state, Settled, Claimed);
        if (before == Gone)
        {
            before = Interlocked.CompareExchange(ref _state, Settled, Gone);
        }

        wasGone = before == Gone;
        if (before is not (Claimed or Gone))
        {
            return false;
        }

        _reusable &= Unregister();
        return true;
    }

    /// <summary>True: the token's callback has not run and never will.</summary>
    private bool Unregister() => _registration == default || _registration.Unregister();

    /// <summary>A caller's synchronization context may throw when it is handed the continuation; the other callers must not feel it.</summary>
    private void Guarded<TValue>(Action<PendingWrite<TItem, TResult>, TValue> complete, TValue value)
    {
        try
        {
            complete(this, value);
        }
        catch (Exception error)
        {
            _engine?.Log.ContextThrew(error);
        }
    }
}
