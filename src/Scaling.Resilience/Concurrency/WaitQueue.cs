using System.Threading.Tasks.Sources;

namespace Scaling.Resilience;

/// <summary>Those who wait for a permit, by priority. Pure but for the waiters it hands out; the limiter's lock guards it.</summary>
/// <remarks>
/// The age-out is CoDel's idea as in Maurer, "Fail at Scale" (ACM Queue 2015): a queue that has not been empty for an interval is
/// not absorbing a burst, so its members may wait only the target; and the newest is served first.
/// </remarks>
internal sealed class WaitQueue(int capacity, TimeSpan target, TimeSpan interval, bool adaptiveLifo)
{
    private readonly LinkedList<Waiter>[] _waiting = [new(), new(), new()];
    private TimeSpan _since = -interval;    // began to be non-empty; while Count is 0: became empty
    private bool _standing;

    public int Count { get; private set; }

    /// <summary>Non-empty for an interval, and never since then empty for as long: under overload it touches zero now and then.</summary>
    public bool IsStanding(TimeSpan now) => _standing = _standing || (Count > 0 && now - _since > interval);

    /// <returns>False: there is no room for this one, the caller turns it away. <paramref name="evicted"/> had to make room, if not null.</returns>
    public bool TryEnqueue(Waiter waiter, out Waiter? evicted)
    {
        evicted = null;
        if (Count == 0)
        {
            _standing = _standing && waiter.Since - _since < interval;
            _since = waiter.Since;
        }

        if (Count >= capacity)
        {
            for (int priority = 0; priority < waiter.Priority && evicted is null; priority++)
            {
                evicted = _waiting[priority].First?.Value;
            }

            if (evicted is null)
            {
                return false;
            }

            Remove(evicted, waiter.Since);
        }

        _waiting[waiter.Priority].AddLast(waiter.Node);
        Count++;
        return true;
    }

    /// <summary>The next to be served: the highest priority; in it the oldest, or the newest while the queue is standing.</summary>
    public Waiter? Dequeue(TimeSpan now)
    {
        bool newest = adaptiveLifo && IsStanding(now);
        for (int priority = _waiting.Length - 1; priority >= 0; priority--)
        {
            LinkedList<Waiter> line = _waiting[priority];
            if ((newest ? line.Last : line.First)?.Value is { } waiter)
            {
                Remove(waiter, now);
                return waiter;
            }
        }

        return null;
    }

    /// <summary>One that has waited too long, or null.</summary>
    public Waiter? DequeueExpired(TimeSpan now)
    {
        TimeSpan allowed = IsStanding(now) ? target : interval;
        foreach (LinkedList<Waiter> line in _waiting)
        {
            if (line.First?.Value is { } oldest && now - oldest.Since >= allowed)
            {
                Remove(oldest, now);
                return oldest;
            }
        }

        return null;
    }

    /// <returns>True: it was still waiting and is now the caller's to finish. False: somebody else finished it.</returns>
    public bool Remove(Waiter waiter, TimeSpan now)
    {
        if (waiter.Node.List is not { } line)
        {
            return false;
        }

        _ = IsStanding(now);
        line.Remove(waiter.Node);
        if (--Count == 0)
        {
            _since = now;
        }

        return true;
    }
}

/// <summary>One call that waits for a permit; its task yields true for a permit, false for a refusal.</summary>
internal sealed class Waiter : IValueTaskSource<bool>
{
    private ManualResetValueTaskSourceCore<bool> _source = new() { RunContinuationsAsynchronously = true };

    public Waiter(CallPriority priority, TimeSpan since)
    {
        Priority = (int)priority;
        Since = since;
        Node = new LinkedListNode<Waiter>(this);
    }

    public int Priority { get; }

    public TimeSpan Since { get; }

    public LinkedListNode<Waiter> Node { get; }

    public CancellationTokenRegistration Registration { get; set; }

    public ValueTask<bool> Task => new(this, _source.Version);

    // Continuations never run inline, so these are safe under the limiter's lock.
    public void Finish(bool granted)
    {
        _ = Registration.Unregister();
        _source.SetResult(granted);
    }

    public void Cancel(CancellationToken cancellationToken) => _source.SetException(new OperationCanceledException(cancellationToken));

    bool IValueTaskSource<bool>.GetResult(short token) => _source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<bool>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<bool>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);
}
