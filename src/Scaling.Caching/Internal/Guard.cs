using System.Runtime.CompilerServices;

namespace Scaling.Caching.Internal;

internal enum CallOutcome
{
    Done,
    Rejected,
    Failed,
    TimedOut,
}

internal readonly record struct CallResult<T>(CallOutcome Outcome, T Value)
{
    public static CallResult<T> Rejected => new(CallOutcome.Rejected, default!);
}

internal enum GuardState
{
    /// <summary>The first contact is being made.</summary>
    Starting,
    Closed,
    Open,
}

/// <summary>
/// Stands between the callers and one node of L2. A call takes at most its budget, whatever the client does; enough faults in a row open the guard, and an
/// open guard lets nobody through. Only <see cref="TryClose"/> closes it, so no user call is ever the probe and a late answer changes nothing.
/// Calls take no caller's token: whoever gives up waiting gives up elsewhere, so cancellations neither hide a hang nor look like a fault.
/// </summary>
internal sealed class Guard(string node, CacheGuardOptions options, TimeProvider time, Func<Exception, bool> isAnswer)
{
    /// <summary>
    /// So many calls wait out their whole budget. The others, the crowd, go around a node as soon as it has been silent for a quarter of the timeout, so
    /// that a hang costs this many callers the timeout and no more, however many come. A fault takes a place away: a freed place is not filled again.
    /// </summary>
    public const int Patient = 8;

    private readonly Watchdog _watchdog = new(options.Timeout, time);
    private volatile GuardState _state = GuardState.Starting;
    private int _inFlight;
    private int _faultsInARow;
    private int _losses = 1;        // a node never met is a node that may have forgotten
    private int _lossesOutlived;

    /// <summary>Raised once per opening.</summary>
    public Action<Guard, Exception?>? Opened { get; set; }

    public string Node => node;

    public GuardState State => _state;

    /// <summary>True until the guard closes: the node may have lost what it knew, or what it was about to tell the other nodes.</summary>
    public bool IsForgetful => Volatile.Read(ref _losses) != _lossesOutlived;

    /// <summary>How often the node was lost; see <see cref="TryClose"/>.</summary>
    public int Losses => Volatile.Read(ref _losses);

    /// <summary>Runs a call. Never throws for a fault of L2: the outcome says so.</summary>
    public ValueTask<CallResult<T>> RunAsync<TState, T>(TState state, Func<TState, Task<T>> call, TimeSpan? budget = null)
    {
        if (!options.Enabled)
        {
            return RunBareAsync(state, call);
        }

        return _state == GuardState.Closed && TryEnter(out bool patient)
            ? RunAdmittedAsync(state, call, budget ?? options.Timeout, patient)
            : new(CallResult<T>.Rejected);
    }

    /// <param name="cause">The fault, if there was one.</param>
    /// <param name="forgetful">True when the node is gone rather than slow.</param>
    public void Open(Exception? cause, bool forgetful = false)
    {
        if (forgetful)
        {
            Interlocked.Increment(ref _losses);
        }

        if (Interlocked.Exchange(ref _state, GuardState.Open) != GuardState.Open)
        {
            Opened?.Invoke(this, cause);
        }
    }

    /// <summary>
    /// For the prober alone. What is still owed to the node by then is kept from being read by the <see cref="Journal"/>. False: the node was lost again
    /// since <paramref name="losses"/> was read, before the probe, and stays open.
    /// </summary>
    public bool TryClose(int losses)
    {
        Volatile.Write(ref _faultsInARow, 0);
        _watchdog.Heard();
        _lossesOutlived = losses;
        _state = GuardState.Closed;
        if (Losses == losses)
        {
            return true;
        }

        _state = GuardState.Open;       // lost in between: whoever opened it found it open, or is opening it now
        return false;
    }

    private static async ValueTask<CallResult<T>> RunBareAsync<TState, T>(TState state, Func<TState, Task<T>> call)
    {
        try
        {
            return new(CallOutcome.Done, await call(state).ConfigureAwait(false));
        }
        catch (Exception)
        {
            return new(CallOutcome.Failed, default!);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<CallResult<T>> RunAdmittedAsync<TState, T>(TState state, Func<TState, Task<T>> call, TimeSpan budget, bool patient)
    {
        try
        {
            Task<T> task = call(state);
            Verdict verdict = task.IsCompleted ? Verdict.Completed : await _watchdog.WatchAsync(task, budget, patient).ConfigureAwait(false);
            if (verdict == Verdict.Unheard)
            {
                return CallResult<T>.Rejected;
            }

            if (verdict == Verdict.TimedOut)
            {
                Fault(new TimeoutException($"{node} did not answer within {budget.TotalMilliseconds:0} ms."));
                return new(CallOutcome.TimedOut, default!);
            }

            T value = await task.ConfigureAwait(false);
            Answered();
            return new(CallOutcome.Done, value);
        }
        catch (Exception exception) when (isAnswer(exception))
        {
            Answered();
            return new(CallOutcome.Failed, default!);
        }
        catch (Exception exception)
        {
            Fault(exception);
            return new(CallOutcome.Failed, default!);
        }
        finally
        {
            Interlocked.Decrement(ref _inFlight);
        }
    }

    // True: the caller is counted in flight and must count itself out.
    private bool TryEnter(out bool patient)
    {
        int inFlight = Interlocked.Increment(ref _inFlight);
        patient = inFlight <= Math.Max(1, Patient - Volatile.Read(ref _faultsInARow));
        if (inFlight <= options.MaxConcurrentCalls && (patient || !_watchdog.IsSilent))
        {
            return true;
        }

        Interlocked.Decrement(ref _inFlight);
        return false;
    }

    private void Answered()
    {
        _watchdog.Heard();
        if (Volatile.Read(ref _faultsInARow) != 0)
        {
            Volatile.Write(ref _faultsInARow, 0);
        }
    }

    private void Fault(Exception exception)
    {
        if (Interlocked.Increment(ref _faultsInARow) >= options.ConsecutiveFaults)
        {
            Open(exception);
        }
    }
}
