using System.Threading.Tasks.Sources;

namespace Scaling.Caching.Internal;

internal enum Verdict
{
    None,

    /// <summary>The task has completed.</summary>
    Completed,

    /// <summary>It has not within its budget.</summary>
    TimedOut,

    /// <summary>It has not, and neither has any other for so long that no more callers need wait to see it.</summary>
    Unheard,
}

/// <summary>
/// One call in flight, used again and again: who waits for it awaits this instead of the call's task. Its verdict is given once:
/// <code>
/// 1. the caller puts the watch among those that are swept, then hooks it to the task
/// 2. the task completes and calls                          A. a sweep finds the deadline passed
/// 3. both try to decide, and one does: it alone wakes the caller. The caller takes the verdict, leaves (under the dog's lock, so no sweep sees it any more)
///    and counts itself out of the guard, once, whoever decided
/// 4. the task decided: nothing refers to the watch now, so it is used again
/// B. the sweep decided: the task may still call, so the watch is left to it and never used again. When it calls, it finds the verdict given and only
///    observes its exception. If it never calls, both are garbage
/// </code>
/// </summary>
internal sealed class Watch : IValueTaskSource<Verdict>
{
    private readonly Watchdog _dog;
    private readonly Action _onCompleted;
    private ManualResetValueTaskSourceCore<Verdict> _source;
    private Task? _task;
    private long _deadline;
    private bool _patient;
    private int _verdict;

    public Watch(Watchdog dog)
    {
        _dog = dog;
        _onCompleted = OnCompleted;
    }

    /// <summary>Where the dog finds it; its lock guards this.</summary>
    public int Place { get; set; }

    /// <summary>Links those that one sweep has given up.</summary>
    public Watch? NextGivenUp { get; set; }

    public void Prepare(long deadline, bool patient, int place)
    {
        _source.Reset();
        _verdict = (int)Verdict.None;
        _deadline = deadline;
        _patient = patient;
        Place = place;
    }

    public ValueTask<Verdict> Follow(Task task)
    {
        short version = _source.Version;
        _task = task;
        task.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(_onCompleted);
        return new(this, version);
    }

    /// <summary>True: the sweep has decided and must <see cref="Tell"/>, outside of the lock.</summary>
    public bool IsGivenUp(long now, bool silent) => now >= _deadline ? TryDecide(Verdict.TimedOut) : silent && !_patient && TryDecide(Verdict.Unheard);

    /// <summary>Wakes the caller on another thread, for the sweep has others to tell.</summary>
    public void Tell()
    {
        _source.RunContinuationsAsynchronously = true;
        _source.SetResult((Verdict)_verdict);
    }

    Verdict IValueTaskSource<Verdict>.GetResult(short token)
    {
        Verdict verdict = _source.GetResult(token);
        bool isFree = verdict == Verdict.Completed;
        if (isFree)
        {
            _task = null;
        }

        _dog.Leave(this, isFree);
        return verdict;
    }

    ValueTaskSourceStatus IValueTaskSource<Verdict>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<Verdict>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    private void OnCompleted()
    {
        Task task = _task!;
        if (TryDecide(Verdict.Completed))
        {
            _source.SetResult(Verdict.Completed);       // the caller goes on here, as it would have from the task
        }
        else
        {
            _ = task.Exception;
        }
    }

    private bool TryDecide(Verdict verdict) => Interlocked.CompareExchange(ref _verdict, (int)verdict, (int)Verdict.None) == (int)Verdict.None;
}
