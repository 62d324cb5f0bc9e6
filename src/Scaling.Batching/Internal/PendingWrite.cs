using System.Runtime.ExceptionServices;
using System.Threading.Tasks.Sources;

namespace Scaling.Batching.Internal;

/// <summary>One write from the caller's hand to its outcome, and the awaitable that the caller holds. Reused, so that a write allocates nothing.</summary>
/// <remarks>
/// One atomic word decides between the loop, the caller's token, a late delegate and the caller's <c>await</c>. It holds a phase:
/// <list type="number">
/// <item>The loop claims a write (queued to claimed) just before it goes into a batch. Only claimed writes are sent.</item>
/// <item>The token cancels it (queued to cancelled). Whoever comes first wins, so a cancelled write is never sent.</item>
/// <item>A token that comes too late only notes that the caller is gone (claimed to gone); the outcome still arrives.</item>
/// <item>The outcome is set by whoever settles it first (claimed or gone to settled): the batch, or a stop that gave up on the batch.</item>
/// </list>
/// and flags. <c>Completed</c> means that the outcome can be read, <c>Awaited</c> that the continuation has been left: whoever raises the
/// second of the two, the batch or the caller, sees the first, and it alone sees to it that the continuation runs.
/// A write returns to the pool only when nobody else can still hold it: settled by its batch, its token's callback never run (else it
/// is <c>Kept</c>), its continuation taken out. The word's upper half is the version of the awaitable: it counts the lives, so that no
/// swap meant for one life succeeds in the next.
/// </remarks>
internal sealed partial class PendingWrite<TItem, TResult> : Message, IValueTaskSource<TResult>, IValueTaskSource
{
    private const int Queued = 0, Claimed = 1, Gone = 2, Cancelled = 3, Settled = 4, Phase = 7;
    private const int Completed = 8, Awaited = 16, Kept = 32;

    private const int VersionShift = 16;

    private int _state;
    private TResult? _result;
    private ExceptionDispatchInfo? _error;
    private BatchEngine<TItem, TResult>? _engine;
    private Batch<TItem, TResult>? _batch;
    private CancellationTokenRegistration _registration;

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

    public short Version => (short)(_state >> VersionShift);

    public void Start(BatchEngine<TItem, TResult> engine, TItem item)
    {
        _engine = engine;
        Item = item;
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
        return TryMove(Queued, Claimed, out _);
    }

    /// <summary>Sets the result. False: somebody else has settled the write already.</summary>
    /// <param name="result">What the store answered.</param>
    /// <param name="relay">Takes a caller over who waits.</param>
    /// <param name="wasGone">Whether the caller had cancelled meanwhile.</param>
    public bool TrySucceed(TResult result, Relay<TItem, TResult> relay, out bool wasGone)
    {
        _result = result; // the batch alone writes it, and who settles otherwise leaves an error, which is looked at first
        if (!TrySettle(Completed | KeptByToken(), out int before))
        {
            wasGone = false;
            return false;
        }

        wasGone = (before & Phase) == Gone;
        if ((before & Awaited) != 0)
        {
            relay.Add(this);
        }

        return true;
    }

    /// <summary>Sets the error. False: somebody else has settled the write already.</summary>
    /// <param name="error">The error, captured once for all: thrown from there it does not grow with every caller.</param>
    /// <param name="relay">Takes a caller over who waits.</param>
    /// <param name="wasGone">Whether the caller had cancelled meanwhile.</param>
    public bool TryFail(ExceptionDispatchInfo error, Relay<TItem, TResult> relay, out bool wasGone)
    {
        bool settles = TrySettle(KeptByToken(), out int before);
        wasGone = settles && (before & Phase) == Gone;
        if (settles && Complete(error))
        {
            relay.Add(this);
        }

        return settles;
    }

    /// <summary>Gives up on a write whose batch is still running and still holds it. False: it has its outcome, and perhaps its next life.</summary>
    public bool TryAbandon(Batch<TItem, TResult> batch, Exception error)
    {
        int before;
        do
        {
            before = Volatile.Read(ref _state);
            if ((before & Phase) is not (Claimed or Gone) || _batch != batch)
            {
                return false;
            }
        }
        while (Interlocked.CompareExchange(ref _state, (before & ~Phase) | Settled | Kept, before) != before); // fails for another life

        CompleteAlone(error);
        return true;
    }

    /// <summary>Refuses a write that has not been sent. True: done, its room is the caller's to give back. False: it was cancelled.</summary>
    public bool TryReject(Exception error)
    {
        if (!TryMove(Queued, Settled | Kept, out _)) // the loop still reads what it must give back
        {
            return false;
        }

        _registration.Unregister();
        CompleteAlone(error);
        return true;
    }

    /// <summary>Forgets a write that nobody awaits, because it was refused before its caller received a task.</summary>
    public void Discard()
    {
        _registration.Unregister();
    }

    public TResult GetResult(short token)
    {
        int state = StateFor(token);
        if ((state & Completed) == 0)
        {
            throw new InvalidOperationException("The outcome of the write is not known yet. Await the task.");
        }

        (TResult? result, ExceptionDispatchInfo? error) = (_result, _error);
        if ((state & (Phase | Kept)) == Settled && _continuation is null)
        {
            StartNextLife(state);
        }

        error?.Throw();
        return result!;
    }

    public ValueTaskSourceStatus GetStatus(short token) =>
        (StateFor(token) & Completed) == 0 ? ValueTaskSourceStatus.Pending
        : _error is null ? ValueTaskSourceStatus.Succeeded
        : _error.SourceException is OperationCanceledException ? ValueTaskSourceStatus.Canceled
        : ValueTaskSourceStatus.Faulted;

    void IValueTaskSource.GetResult(short token) => GetResult(token);

    private int StateFor(short token) => Volatile.Read(ref _state) is var state && (short)(state >> VersionShift) == token
        ? state
        : throw new InvalidOperationException("The task of a write is used after its outcome was taken. Await it once, or use AsTask() to share it.");

    private void StartNextLife(int state)
    {
        _result = default;
        _error = null;
        Item = default!;
        Partition = OrderKey = null;
        _batch = null;
        _engine = null;
        _registration = default;
        Volatile.Write(ref _state, ((state >> VersionShift) + 1) << VersionShift); // queued, no flags
        WritePool<TItem, TResult>.Return(this);
    }

    private void OnCancelled(CancellationToken token)
    {
        if (TryMove(Queued, Cancelled, out _))
        {
            _engine!.OnCancelled(this);
            CompleteAlone(new OperationCanceledException(token));
        }
        else if (TryMove(Claimed, Gone, out _))
        {
            _batch!.CallerGone();
        }
    }

    private bool TrySettle(int flags, out int before) =>
        TryMove(Claimed, Settled | flags, out before) || TryMove(Gone, Settled | flags, out before);

    /// <summary>Moves from one phase to another and raises flags with it. False: the write is in another phase.</summary>
    private bool TryMove(int from, int to, out int before)
    {
        before = Volatile.Read(ref _state);
        while ((before & Phase) == from)
        {
            int seen = Interlocked.CompareExchange(ref _state, (before & ~Phase) | to, before);
            if (seen == before)
            {
                return true;
            }

            before = seen; // an await came in between
        }

        return false;
    }

    /// <summary>Lets the outcome be read. True: a caller waits for it, and the one who completes must see to it that the caller runs.</summary>
    private bool Complete(ExceptionDispatchInfo error)
    {
        _error = error;
        return (Interlocked.Or(ref _state, Completed) & Awaited) != 0;
    }

    private void CompleteAlone(Exception error)
    {
        if (Complete(ExceptionDispatchInfo.Capture(error)))
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    /// <summary>The token's callback may have run, or run just now, and then holds the write.</summary>
    private int KeptByToken() => _registration == default || _registration.Unregister() ? 0 : Kept;
}
