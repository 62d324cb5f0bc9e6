namespace Scaling.Batching.Internal;

internal enum Admission
{
    /// <summary>The message has been posted, or stands in line and will be.</summary>
    Accepted,

    /// <summary>There is no room, and the caller did not want to wait.</summary>
    Full,

    /// <summary>The gate is closed.</summary>
    Closed,
}

/// <summary>Bounds what is pending. Room is taken without a lock; only those who must wait stand in a line, first come first served.</summary>
/// <remarks>
/// The interleaving that must not lose a wake-up, room being given back while somebody joins the line:
/// <list type="number">
/// <item>The joiner adds itself to the line, raises <c>_waiting</c> (a full fence), and only then tries once more to take room.</item>
/// <item>The releaser gives back room (a full fence), and only then reads <c>_waiting</c>.</item>
/// <item>So either the joiner sees the room, or the releaser sees the joiner and admits it. Never neither.</item>
/// </list>
/// Closing works the same way: a writer takes room and then looks whether the gate is closed; the loop closes and then looks
/// whether room is taken. So when the loop sees a closed gate with no room taken, no write can follow.
/// </remarks>
internal sealed class AdmissionGate(int capacity, long capacityBytes, Action<Message> post)
{
    private readonly Lock _line = new();
    private Message? _first, _last;
    private int _waiting;
    private int _writes;
    private long _bytes;
    private volatile bool _closed;

    /// <summary>Writes that are pending; the line outside the gate is not.</summary>
    public int Pending => Volatile.Read(ref _writes);

    /// <summary>Whether there is a bound on bytes.</summary>
    public bool CountsBytes => capacityBytes != long.MaxValue;

    public bool IsClosed => _closed;

    /// <summary>Closed, nothing inside, nobody in line: nothing can come any more.</summary>
    public bool IsFinished => _closed && Volatile.Read(ref _writes) == 0 && Volatile.Read(ref _waiting) == 0;

    public Admission Enter(Message message, bool wait)
    {
        if (Volatile.Read(ref _waiting) == 0 && TryTake(message))
        {
            if (_closed)
            {
                Release(message.Writes, message.Bytes);
                post(new Wake()); // the loop may have seen our room as taken, and gone to sleep over it
                return Admission.Closed;
            }

            post(message);
            return Admission.Accepted;
        }

        return wait ? JoinLine(message) : _closed ? Admission.Closed : Admission.Full;
    }

    /// <summary>Takes a cancelled message out of the line, if it still stands there.</summary>
    public void Leave(Message message)
    {
        lock (_line)
        {
            if (message.IsWaiting)
            {
                Unlink(message);
                AdmitFromLine(); // a large message may have kept smaller ones waiting
            }
        }

        if (_closed)
        {
            post(new Wake());
        }
    }

    public void Release(int writes, long bytes)
    {
        if (CountsBytes)
        {
            Interlocked.Add(ref _bytes, -bytes);
        }

        Interlocked.Add(ref _writes, -writes);
        if (Volatile.Read(ref _waiting) != 0)
        {
            lock (_line)
            {
                AdmitFromLine();
            }
        }
    }

    /// <summary>Admits nobody new. Those in line are still let in as room comes.</summary>
    public void Close()
    {
        lock (_line)
        {
            _closed = true;
        }
    }

    /// <summary>Empties the line and hands over those who stood in it.</summary>
    public List<Message> TakeLine()
    {
        var taken = new List<Message>();
        lock (_line)
        {
            while (_first is { } message)
            {
                Unlink(message);
                taken.Add(message);
            }
        }

        return taken;
    }

    private Admission JoinLine(Message message)
    {
        lock (_line)
        {
            if (_closed)
            {
                return Admission.Closed;
            }

            message.IsWaiting = true;
            message.Ahead = _last;
            message.Behind = null;
            _first ??= message;
            _last?.Behind = message;
            _last = message;
            Interlocked.Increment(ref _waiting);
            AdmitFromLine();
            return Admission.Accepted;
        }
    }

    private void AdmitFromLine()
    {
        while (_first is { } message && TryTake(message))
        {
            Unlink(message);
            post(message); // under the lock, so that the line keeps its order into the mailbox
        }
    }

    private void Unlink(Message message)
    {
        (message.Ahead is null ? ref _first : ref message.Ahead.Behind) = message.Behind;
        (message.Behind is null ? ref _last : ref message.Behind.Ahead) = message.Ahead;
        message.Ahead = message.Behind = null;
        message.IsWaiting = false;
        Interlocked.Decrement(ref _waiting);
    }

    private bool TryTake(Message message)
    {
        if (!TryAdd(ref _writes, message.Writes, capacity))
        {
            return false;
        }

        if (!CountsBytes || TryAddBytes(message.Bytes))
        {
            return true;
        }

        Interlocked.Add(ref _writes, -message.Writes);
        return false;
    }

    private static bool TryAdd(ref int taken, int more, int limit)
    {
        int seen = Volatile.Read(ref taken);
        while (seen + more <= limit)
        {
            int before = Interlocked.CompareExchange(ref taken, seen + more, seen);
            if (before == seen)
            {
                return true;
            }

            seen = before;
        }

        return false;
    }

    private bool TryAddBytes(long more)
    {
        long seen = Volatile.Read(ref _bytes);
        while (seen + more <= capacityBytes)
        {
            long before = Interlocked.CompareExchange(ref _bytes, seen + more, seen);
            if (before == seen)
            {
                return true;
            }

            seen = before;
        }

        return false;
    }
}
