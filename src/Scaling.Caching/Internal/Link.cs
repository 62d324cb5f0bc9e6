namespace Scaling.Caching.Internal;

/// <summary>
/// The one loop that wins L2 back: survey, probe, listen, doubt what was believed, pay the debts, close the guards. It also notices when this node has gone deaf.
/// </summary>
internal sealed partial class Link : IAsyncDisposable
{
    private const int ReplayBatch = 256;
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Calm = TimeSpan.FromSeconds(10);

    private static readonly Task Never = new TaskCompletionSource().Task;

    private readonly IStore _store;
    private readonly Guards _guards;
    private readonly Journal _journal;
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
    private int _path;
    private long _deafSince;
    private long _recoveredAt;

    public Link(IStore store, Guards guards, Journal journal, Generations generations, CacheGuardOptions options, TimeProvider time, CachingLog log)
    {
        _store = store;
        _guards = guards;
        _journal = journal;
        _generations = generations;
        _options = options;
        _time = time;
        _log = log;
        _deafSince = time.GetTimestamp();
        _recoveredAt = _deafSince;
        _guards.Opened = OnOpened;
        _store.Cut = OnCut;
        _store.NodeLost = OnNodeLost;
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

    private void OnOpened(Guard guard, Exception? cause)
    {
        _log.Opened(guard.Node, _journal.Count, cause);
        Wake();
    }

    private void OnCut()
    {
        lock (_lock)
        {
            _cuts++;
            _deafSince = Math.Min(_deafSince, _time.GetTimestamp());
        }

        Wake();
    }

    private void Wake() => Volatile.Read(ref _wake).TrySetResult();

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
            if (linked)
            {
                await PauseAsync(wake.Task, Jittered(Heartbeat)).ConfigureAwait(false);
            }

            bool falls = _guards.State != GuardState.Closed;
            if (linked && (!falls || _time.GetElapsedTime(_recoveredAt) > Calm))
            {
                pause = _options.ProbeInterval;
                continue;
            }

            // a node that falls again soon after its recovery is probed ever more slowly, like one that never came back
            await PauseAsync(Never, Jittered(pause)).ConfigureAwait(false);
            pause = pause * 2 < _options.MaxProbeInterval ? pause * 2 : _options.MaxProbeInterval;
        }
    }

    /// <summary>
    /// True: everything answers, is heard, and is owed nothing.
    /// <code>
    /// 1. the echo is heard: from here on every invalidation by another node is heard
    /// 2. if anything may have been missed before 1, whatever was read before is doubted
    /// 3. the debts are paid: L2 holds nothing that this node invalidated
    /// 4. the guards close: the first read of a node that was away comes after 1, 2 and 3
    /// </code>
    /// Without an echo the guards close all the same, for L2 is right; only the local copies live short until 1 and 2 happen.
    /// </summary>
    private async Task<bool> TryLinkAsync()
    {
        int cuts = Volatile.Read(ref _cuts);
        bool deaf = DeafSince != long.MaxValue;
        bool surveyed = await AnswersAsync(_store.SurveyAsync()).ConfigureAwait(false);
        Probed[] probed = await ProbeAsync().ConfigureAwait(false);
        bool reachable = surveyed && (probed.Any(static node => node.Answers) || _guards.Current.Any(static guard => guard.State == GuardState.Closed));
        bool hears = reachable && await HearsAsync(deaf, probed).ConfigureAwait(false);
        if (!hears && !deaf)
        {
            OnCut();
        }

        // also when it is not heard: the guard closes all the same, and is not forgetful any more when it is
        if (probed.Any(static node => node.Answers && node.Guard.IsForgetful))
        {
            _generations.Doubt();
        }

        bool paid = await PayDebtsAsync(probed).ConfigureAwait(false);
        bool whole = Reopen(probed, paid);
        lock (_lock)
        {
            if (hears && _cuts == cuts)
            {
                _deafSince = long.MaxValue;
            }
        }

        return hears && whole && _journal.Count == 0;
    }

    private readonly record struct Probed(Guard Guard, int Losses, bool Answers);

    private Task<Probed[]> ProbeAsync() => Task.WhenAll(_guards.Current.Where(static guard => guard.State != GuardState.Closed).Select(async guard =>
    {
        int losses = guard.Losses;
        return new Probed(guard, losses, await AnswersAsync(_store.PingAsync(guard.Node)).ConfigureAwait(false));
    }));

    private async Task<bool> HearsAsync(bool deaf, Probed[] probed)
    {
        bool returns = probed.Any(static node => node.Answers);
        Task<int> listening = _store.ListenAsync(prove: deaf || returns);
        if (!await AnswersAsync(listening).ConfigureAwait(false))
        {
            return false;
        }

        int path = await listening.ConfigureAwait(false);
        if (path != _path)
        {
            _path = path;
            _generations.Doubt();
        }

        return true;
    }

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

    private static TimeSpan Jittered(TimeSpan pause) => pause * (0.75 + (Random.Shared.NextDouble() / 2));

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
