namespace Scaling.Caching.Internal;

/// <summary>
/// The one loop that wins L2 back: probe, listen, forget what was believed, pay the debts, close the guard. It also notices when this node has gone deaf.
/// </summary>
internal sealed class Link : IAsyncDisposable
{
    private const int ReplayBatch = 256;
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(5);

    private static readonly Task Never = new TaskCompletionSource().Task;

    private readonly IStore _store;
    private readonly Guard _guard;
    private readonly Generations _generations;
    private readonly CacheGuardOptions _options;
    private readonly TimeProvider _time;
    private readonly CachingLog _log;
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _started = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private readonly Task _loop;
    private TaskCompletionSource _wake = new();
    private int _cuts;
    private long _deafSince;

    public Link(IStore store, Guard guard, Generations generations, CacheGuardOptions options, TimeProvider time, CachingLog log)
    {
        _store = store;
        _guard = guard;
        _generations = generations;
        _options = options;
        _time = time;
        _log = log;
        _deafSince = time.GetTimestamp();
        _guard.Opened = OnOpened;
        _store.Cut = OnCut;
        _loop = Task.Run(RunAsync);
    }

    /// <summary>Completes after the first attempt to reach L2, whether it succeeded or not.</summary>
    public Task Started => _started.Task;

    /// <summary>The timestamp since when invalidations by others may be missed; <see cref="long.MaxValue"/> while they are heard.</summary>
    public long DeafSince => Volatile.Read(ref _deafSince);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(false);
        _stop.Dispose();
    }

    private void OnOpened(Exception? cause)
    {
        _log.Opened(_store.Name, _guard.Owed, cause);
        OnCut();
    }

    private void OnCut()
    {
        lock (_lock)
        {
            _cuts++;
            _deafSince = Math.Min(_deafSince, _time.GetTimestamp());
        }

        Volatile.Read(ref _wake).TrySetResult();
    }

    private async Task RunAsync()
    {
        TimeSpan pause = _options.ProbeInterval;
        while (!_stop.IsCancellationRequested)
        {
            // armed before the attempt: what happens during it is not slept through
            var wake = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Volatile.Write(ref _wake, wake);
            bool linked = await TryLinkAsync().ConfigureAwait(false);
            _started.TrySetResult();
            double jitter = 0.75 + (Random.Shared.NextDouble() / 2);
            if (linked)
            {
                pause = _options.ProbeInterval;
                await PauseAsync(wake.Task, Heartbeat * jitter).ConfigureAwait(false);
            }
            else
            {
                await PauseAsync(Never, pause * jitter).ConfigureAwait(false);
                pause = pause * 2 < _options.MaxProbeInterval ? pause * 2 : _options.MaxProbeInterval;
            }
        }
    }

    /// <summary>
    /// True: the guard was closed and this node hears the others.
    /// <code>
    /// 1. the echo is heard: from here on every invalidation by another node is heard
    /// 2. all generations move on: whatever was read before 1, when something may have been missed, is not believed any more
    /// 3. the debts are paid: L2 holds nothing that this node invalidated
    /// 4. the guard closes: the first read of L2 comes after 1, 2 and 3
    /// </code>
    /// Without an echo the guard closes all the same, for L2 is right; only the local copies live short until 1 and 2 happen.
    /// </summary>
    private async Task<bool> TryLinkAsync()
    {
        int cuts = Volatile.Read(ref _cuts);
        bool deaf = DeafSince != long.MaxValue;
        bool closed = _guard.State == GuardState.Closed;
        if (!closed && !await AnswersAsync(_store.PingAsync()).ConfigureAwait(false))
        {
            _guard.Open(cause: null);
            return false;
        }

        bool hears = await AnswersAsync(_store.ListenAsync(prove: deaf)).ConfigureAwait(false);
        if (!hears && !deaf)
        {
            OnCut();
        }

        if (closed && (!hears || !deaf))
        {
            return hears;
        }

        _generations.InvalidateAll();
        do
        {
            if (!await PayDebtsAsync().ConfigureAwait(false))
            {
                return false;
            }
        }
        while (!_guard.TryClose());

        if (!closed)
        {
            _log.Closed(_store.Name);
        }

        lock (_lock)
        {
            if (hears && _cuts == cuts)
            {
                _deafSince = long.MaxValue;
            }
        }

        return hears;
    }

    private async Task<bool> PayDebtsAsync()
    {
        while (_guard.TakeDebts(ReplayBatch) is { Length: > 0 } debts)
        {
            if (!await AnswersAsync(Task.WhenAll(debts.Select(PayAsync)), patience: 4).ConfigureAwait(false))
            {
                foreach (Debt debt in debts)
                {
                    _guard.Owe(debt);
                }

                return false;
            }
        }

        return true;
    }

    private Task PayAsync(Debt debt) => debt.Kind == DebtKind.Key
        ? _store.InvalidateAsync(debt.Name, lease: null)
        : _store.InvalidateTagAsync(debt.Name, Envelope.NewStamp());

    private async Task<bool> AnswersAsync(Task call, int patience = 1)
    {
        try
        {
            await call.WaitAsync(_options.Timeout * patience, _time, _stop.Token).ConfigureAwait(false);
            return true;
        }
        catch (Exception)
        {
            _ = call.ContinueWith(static late => _ = late.Exception, TaskScheduler.Default);
            return false;
        }
    }

    private async Task PauseAsync(Task until, TimeSpan atMost)
    {
        try
        {
            await until.WaitAsync(atMost, _time, _stop.Token).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is TimeoutException or OperationCanceledException)
        {
            // the pause is over, or the cache is going
        }
    }
}
