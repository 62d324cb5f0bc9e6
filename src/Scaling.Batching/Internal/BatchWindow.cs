namespace Scaling.Batching.Internal;

/// <summary>Why a batch was sent; a value of the tag <c>scaling.batching.reason</c>.</summary>
internal enum SendReason
{
    None,
    Full,
    Idle,
    Everyone,
    Quiet,
    Delay,
    Flush,
}

/// <summary>What a window sees when it decides.</summary>
/// <param name="Waiting">Writes that could go into a batch now.</param>
/// <param name="OldestAt">When the oldest of them came.</param>
/// <param name="InFlight">Batches on their way.</param>
/// <param name="WritesInFlight">Writes in these batches.</param>
/// <param name="Flushing">Whether somebody waits for a flush.</param>
internal readonly record struct WindowState(int Waiting, long OldestAt, int InFlight, int WritesInFlight, bool Flushing);

/// <summary>Decides when the writes of one partition become a batch. Pure: time comes in, a decision goes out.</summary>
/// <remarks>
/// <para>Natural batching is the base: with nothing in flight a batch may go at once; with something in flight it gathers until it
/// is full or one of the batches in flight comes back (Nagle's idea, RFC 896). Where several may be in flight, each takes its share of
/// all that is pending: one that took everything would leave the other slots nothing to do while its own callers are away.</para>
/// <para>The callers of a batch that has come back are being let go on at that very moment, and many write again at once. A batch sent
/// before they have had their turn takes the few who were quicker, and leaves the others a whole batch behind. So only what is full or
/// flushed goes until all have been let go on, which takes microseconds. But they may be slow: then the pause ends after half of what
/// their batch took, or <c>longestPause</c> (an alarm is a millisecond late). Less than <c>shortestPause</c> is no pause at all.</para>
/// <para>With a delay, the window stays open for callers that can still come. Who are they? Those who were answered within the last
/// delay and have not returned. When none of them is missing, or none came for a tenth of the delay, waiting on is in vain.</para>
/// </remarks>
internal struct BatchWindow(int maxSize, int maxInFlight, long maxDelay, long shortestPause, long longestPause)
{
    /// <summary>The part of the delay for which nobody has to come before the window stops waiting for them.</summary>
    internal const int PausesPerDelay = 10;

    private int _missing, _lettingGo;
    private long _lastSign = long.MinValue;
    private long _lastAnswer = long.MinValue;
    private long _pausedUntil = long.MinValue;
    private bool _oneCameBack;

    /// <summary>Whether a window may be held open for callers who can still come.</summary>
    public readonly bool HasDelay => maxDelay > 0;

    /// <summary>How many callers, answered of late, have not come back.</summary>
    public readonly int Missing => _missing;

    /// <summary>A caller has come with a write.</summary>
    public void Arrived(long now)
    {
        _missing = Math.Max(0, _missing - 1);
        _lastSign = now;
    }

    /// <summary>Callers have got their outcome, and may now come again.</summary>
    public void Answered(int callers, long now)
    {
        _missing += callers;
        _lastSign = _lastAnswer = now;
    }

    /// <summary>A batch has come back from the store.</summary>
    /// <param name="callersGoOn">Whether its callers are being let go on, of which <see cref="WentOn"/> tells; perhaps it has already.</param>
    /// <param name="took">How long it was on its way.</param>
    /// <param name="now">The time.</param>
    public void CameBack(bool callersGoOn, long took, long now)
    {
        _oneCameBack = true;
        if (callersGoOn && _lettingGo++ == 0) // a pause never lengthens another
        {
            long pause = Math.Min(took / 2, longestPause);
            _pausedUntil = pause < shortestPause ? now : now + pause;
        }
    }

    /// <summary>All callers of a batch have been let go on; those on other threads may be about to write again.</summary>
    public void WentOn() => _lettingGo--;

    /// <summary>Whether there are callers of whom <see cref="WentOn"/> is still to tell.</summary>
    public readonly bool IsLettingGo => _lettingGo != 0;

    /// <summary>Whether the window waits for callers to be let go on.</summary>
    public readonly bool IsPaused(long now) => _lettingGo > 0 && now < _pausedUntil;

    /// <summary>A batch has been sent.</summary>
    public void Sent(SendReason reason)
    {
        _oneCameBack = false;
        if (reason is SendReason.Quiet or SendReason.Delay)
        {
            _missing = 0; // those who did not come in time are not waited for again
        }
    }

    /// <summary>Whether callers answered of late may still come back, and until when they are expected.</summary>
    public readonly bool Expects(long now, out long until)
    {
        until = _lastAnswer + maxDelay;
        return HasDelay && _missing > 0 && now < until;
    }

    /// <summary>The most writes that the next batch takes.</summary>
    public readonly int Share(in WindowState state) =>
        HasDelay ? maxSize : (int)Math.Min(maxSize, ((long)state.Waiting + state.WritesInFlight + maxInFlight - 1) / maxInFlight);

    /// <summary>Whether to send now, and if not, when to ask again (<see cref="long.MaxValue"/>: when something happens).</summary>
    public readonly SendReason Decide(in WindowState state, long now, out long askAgainAt)
    {
        askAgainAt = long.MaxValue;
        if (state.Waiting == 0 || state.InFlight >= maxInFlight)
        {
            return SendReason.None;
        }

        if (state.Waiting >= maxSize)
        {
            return SendReason.Full;
        }

        if (state.Flushing)
        {
            return SendReason.Flush;
        }

        bool mayGo = state.InFlight == 0 || _oneCameBack || (!HasDelay && state.Waiting >= Share(state));
        if (!HasDelay)
        {
            bool paused = IsPaused(now);
            askAgainAt = paused ? _pausedUntil : long.MaxValue;
            return mayGo && !paused ? SendReason.Idle : SendReason.None;
        }

        if (now - state.OldestAt >= maxDelay)
        {
            return SendReason.Delay;
        }

        askAgainAt = state.OldestAt + maxDelay;
        if (!mayGo)
        {
            return SendReason.None;
        }

        if (!Expects(now, out _))
        {
            return SendReason.Everyone;
        }

        long pauseEnds = _lastSign + Math.Max(1, maxDelay / PausesPerDelay);
        if (now >= pauseEnds)
        {
            return SendReason.Quiet;
        }

        askAgainAt = Math.Min(askAgainAt, pauseEnds);
        return SendReason.None;
    }
}
