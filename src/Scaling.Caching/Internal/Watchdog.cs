namespace Scaling.Caching.Internal;

/// <summary>
/// Watches the calls in flight to one node with one timer for all of them, so that a call brings neither a timer nor a token of its own. The timer runs only
/// while something is in flight and sweeps <see cref="Sweeps"/> times in a timeout; a call is given up by the last sweep that its budget allows, so up to one
/// sweep too early rather than too late. Thread-safe; the lock is held for a few instructions, or for one pass over the calls in flight.
/// </summary>
internal sealed class Watchdog
{
    /// <summary>How many sweeps there are in a timeout.</summary>
    public const int Sweeps = 16;

    // a quarter of the timeout, and one sweep more to be sure
    private const int SilentSweeps = (Sweeps / 4) + 1;

    private readonly TimeProvider _time;
    private readonly TimeSpan _period;
    private readonly ITimer _timer;
    private readonly Lock _lock = new();
    private readonly List<Watch> _watched = [];
    private readonly Stack<Watch> _idle = [];
    private volatile bool _silent;
    private bool _runs;
    private bool _looksAgain;
    private long _sweptAt;
    private int _answers;
    private int _answersSeen;
    private int _silentFor;

    public Watchdog(TimeSpan timeout, TimeProvider time)
    {
        _time = time;
        TimeSpan period = timeout / Sweeps;
        _period = period > TimeSpan.FromMilliseconds(1) ? period : TimeSpan.FromMilliseconds(1);
        using (ExecutionContext.IsFlowSuppressed() ? default : ExecutionContext.SuppressFlow())     // not the first caller's AsyncLocals
        {
            _timer = time.CreateTimer(static dog => ((Watchdog)dog!).Sweep(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>True when the node has said nothing to anybody for a quarter of the timeout although somebody waited for it.</summary>
    public bool IsSilent => _silent;

    /// <summary>The node has said something.</summary>
    public void Heard()
    {
        _answers++;     // not atomic: it need only change
        if (_silent)
        {
            _silent = false;
        }
    }

    /// <summary>Completes when the task does, or when it is given up: patient ones at the end of their budget, the others already while the node is silent.</summary>
    public ValueTask<Verdict> WatchAsync(Task task, TimeSpan budget, bool patient)
    {
        long now = _time.GetTimestamp();
        long deadline = now + (long)((budget - _period).TotalSeconds * _time.TimestampFrequency);
        Watch? watch;
        lock (_lock)
        {
            if (!_idle.TryPop(out watch))
            {
                watch = new Watch(this);
            }

            watch.Prepare(deadline, patient, place: _watched.Count);
            _watched.Add(watch);
            if (!_runs)
            {
                Start(now);
            }
        }

        return watch.Follow(task);
    }

    /// <summary>For a watch whose verdict was taken. It is not used again if its task may still come to call it.</summary>
    public void Leave(Watch watch, bool isFree)
    {
        lock (_lock)
        {
            Watch last = _watched[^1];
            _watched[watch.Place] = last;
            last.Place = watch.Place;
            _watched.RemoveAt(_watched.Count - 1);
            if (isFree)
            {
                _idle.Push(watch);
            }
        }
    }

    private void Start(long now)
    {
        _runs = true;
        _sweptAt = now;
        _looksAgain = false;
        _silentFor = 0;
        _answersSeen = Volatile.Read(ref _answers);
        _timer.Change(_period, _period);
    }

    /// <summary>
    /// A sweep that comes late judges nobody, but the next one does: the process itself was stopped (garbage collection, starved CPU), and the answers lie in
    /// its sockets.
    /// </summary>
    private void Sweep()
    {
        Watch? givenUp = null;
        lock (_lock)
        {
            if (_watched.Count == 0)
            {
                _runs = false;
                _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
                return;
            }

            long now = _time.GetTimestamp();
            _looksAgain = !_looksAgain && _time.GetElapsedTime(_sweptAt, now) > 3 * _period;
            _sweptAt = now;
            if (_looksAgain)
            {
                return;
            }

            int answers = Volatile.Read(ref _answers);
            _silentFor = answers == _answersSeen ? _silentFor + 1 : 0;
            _answersSeen = answers;
            bool silent = _silentFor >= SilentSweeps;
            _silent |= silent;
            foreach (Watch watch in _watched)
            {
                if (watch.IsGivenUp(now, silent))
                {
                    (watch.NextGivenUp, givenUp) = (givenUp, watch);
                }
            }
        }

        while (givenUp is { } watch)
        {
            givenUp = watch.NextGivenUp;
            watch.Tell();
        }
    }
}
