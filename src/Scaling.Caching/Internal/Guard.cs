namespace Scaling.Caching.Internal;

internal enum CallOutcome
{
    Done,
    Rejected,
    Failed,
    TimedOut,
}

internal readonly record struct CallResult<T>(CallOutcome Outcome, T Value);

internal enum GuardState
{
    /// <summary>The first contact is being made.</summary>
    Starting,
    Closed,
    Open,
}

/// <summary>
/// Stands between the callers and L2. A call takes at most the timeout, whatever the client does; enough faults in a row open the guard, and an open guard
/// lets nobody through. Only <see cref="TryClose"/> closes it, so no user call is ever the probe and a late answer changes nothing.
/// Calls take no caller's token: whoever gives up waiting gives up elsewhere, so cancellations neither hide a hang nor look like a fault.
/// </summary>
internal sealed class Guard(CacheGuardOptions options, TimeProvider time, Func<Exception, bool> isAnswer)
{
    /// <summary>This many calls may wait for a silent L2; the next ones go around it.</summary>
    private const int WaitersOnSilence = 8;

    private readonly Lock _lock = new();
    private readonly Journal _journal = new(options.JournalCapacity);
    private readonly long _silence = (long)(options.Timeout.TotalSeconds / 4 * time.TimestampFrequency);
    private volatile GuardState _state = GuardState.Starting;
    private int _inFlight;
    private int _faultsInARow;
    private long _lastProgress;

    /// <summary>Raised outside the lock, once per opening.</summary>
    public Action<Exception?>? Opened { get; set; }

    public GuardState State => _state;

    public int Owed
    {
        get
        {
            lock (_lock)
            {
                return _journal.Count;
            }
        }
    }

    /// <summary>
    /// Runs a call. Never throws for a fault of L2: the outcome says so. An urgent call, an invalidation, is not turned away by the caps, only by an open guard.
    /// </summary>
    public ValueTask<CallResult<T>> RunAsync<TState, T>(TState state, Func<TState, Task<T>> call, bool urgent = false)
    {
        if (options.Enabled && (_state != GuardState.Closed || !TryEnter(urgent)))
        {
            return new(new CallResult<T>(CallOutcome.Rejected, default!));
        }

        return RunAdmittedAsync(state, call);
    }

    /// <summary>Owes L2 an invalidation and opens the guard, so that nothing is read from L2 before the debt is paid.</summary>
    public void Owe(Debt debt, Exception? cause = null)
    {
        lock (_lock)
        {
            _journal.Add(debt);
        }

        Open(cause);
    }

    public void Open(Exception? cause)
    {
        lock (_lock)
        {
            if (_state == GuardState.Open)
            {
                return;
            }

            _state = GuardState.Open;
        }

        Opened?.Invoke(cause);
    }

    public Debt[] TakeDebts(int max)
    {
        lock (_lock)
        {
            return _journal.Take(max);
        }
    }

    /// <summary>
    /// Closes if nothing is owed. False: the caller has debts to pay first.
    /// <code>
    /// 1. prober pays its last batch, finds nothing more    A. a caller's invalidation is turned away by the open guard
    /// 2. prober TryClose: takes the lock, journal empty,    B. the caller takes the lock and owes: before 2, TryClose sees it; after 2, Open
    ///    state = Closed                                        opens the guard again. Either way it is paid before the next read.
    /// </code>
    /// </summary>
    public bool TryClose()
    {
        lock (_lock)
        {
            if (_journal.Count > 0)
            {
                return false;
            }

            _faultsInARow = 0;
            _state = GuardState.Closed;
            return true;
        }
    }

    private async ValueTask<CallResult<T>> RunAdmittedAsync<TState, T>(TState state, Func<TState, Task<T>> call)
    {
        Task<T>? task = null;
        try
        {
            task = call(state);
            T value = task.IsCompleted || !options.Enabled
                ? await task.ConfigureAwait(false)
                : await task.WaitAsync(options.Timeout, time).ConfigureAwait(false);
            Progress();
            return new(CallOutcome.Done, value);
        }
        catch (Exception exception) when (isAnswer(exception))
        {
            Progress();
            return new(CallOutcome.Failed, default!);
        }
        catch (Exception exception)
        {
            bool timedOut = task is { IsCompleted: false };
            if (timedOut)
            {
                Observe(task!);
            }

            if (options.Enabled && Interlocked.Increment(ref _faultsInARow) >= options.ConsecutiveFaults)
            {
                Open(exception);
            }

            return new(timedOut ? CallOutcome.TimedOut : CallOutcome.Failed, default!);
        }
        finally
        {
            if (options.Enabled)
            {
                Interlocked.Decrement(ref _inFlight);
            }
        }
    }

    // True: the caller is counted in flight and must count itself out.
    private bool TryEnter(bool urgent)
    {
        int inFlight = Interlocked.Increment(ref _inFlight);
        if (inFlight == 1)
        {
            Volatile.Write(ref _lastProgress, time.GetTimestamp());     // silence is counted from when someone listens
        }

        if (urgent || inFlight <= WaitersOnSilence
            || (inFlight <= options.MaxConcurrentCalls && time.GetTimestamp() - Volatile.Read(ref _lastProgress) < _silence))
        {
            return true;
        }

        Interlocked.Decrement(ref _inFlight);
        return false;
    }

    private void Progress()
    {
        if (!options.Enabled)
        {
            return;
        }

        Volatile.Write(ref _lastProgress, time.GetTimestamp());
        if (Volatile.Read(ref _faultsInARow) != 0)
        {
            Volatile.Write(ref _faultsInARow, 0);
        }
    }

    private static void Observe(Task task) =>
        task.ContinueWith(static late => _ = late.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
}
