namespace Scaling.Batching.Internal;

/// <summary>Carries messages to the loop, in order, and has the thread pool run the loop when there is something for it to do.</summary>
/// <remarks>
/// A linked list that grows at its head: one compare-and-swap posts a message, one exchange takes all of them. The interleaving that
/// must not lose a wake-up, a message being posted while the loop lies down:
/// <list type="number">
/// <item>The poster swaps its message in (a full fence), and only then reads what the loop sleeps for.</item>
/// <item>The loop writes what it sleeps for (a full fence), and only then looks once more at what was posted.</item>
/// <item>So either the loop sees the message, or the poster sees the sleeping loop. Both may: whoever swaps the sleep for awake wins.</item>
/// </list>
/// </remarks>
internal sealed class Mailbox(IThreadPoolWorkItem loop, TimeProvider time)
{
    private static readonly Message s_closed = new Wake();

    private Message? _newest;
    private int _sleep = (int)Sleep.UntilAnyMessage;

    /// <summary>Posts a message. False: the mailbox is closed, and the message is the caller's to refuse.</summary>
    public bool TryPost(Message message)
    {
        Message? newest = Volatile.Read(ref _newest);
        while (true)
        {
            if (newest == s_closed)
            {
                return false;
            }

            if (newest is null)
            {
                message.PostedAt = time.GetTimestamp();
            }

            message.Next = newest;
            Message? seen = Interlocked.CompareExchange(ref _newest, message, newest);
            if (seen == newest)
            {
                break;
            }

            newest = seen;
        }

        var sleep = (Sleep)Volatile.Read(ref _sleep);
        if (Wakes(message, sleep) && Interlocked.CompareExchange(ref _sleep, (int)Sleep.None, (int)sleep) == (int)sleep)
        {
            ThreadPool.UnsafeQueueUserWorkItem(loop, preferLocal: false);
        }

        return true;
    }

    /// <summary>Takes what has been posted, oldest first, linked by <see cref="Message.Next"/>. The loop's.</summary>
    public Message? TakeAll() => Reverse(Interlocked.Exchange(ref _newest, null));

    /// <summary>Takes what has been posted, and nothing more from then on. The loop's.</summary>
    public Message? Close() => Reverse(Interlocked.Exchange(ref _newest, s_closed));

    /// <summary>Lies down. True: the loop must return, the pool will run it again. False: there is something for it to do.</summary>
    public bool TryRest(Sleep sleep)
    {
        Interlocked.Exchange(ref _sleep, (int)sleep);
        for (Message? message = Volatile.Read(ref _newest); message is not null; message = message.Next)
        {
            if (Wakes(message, sleep))
            {
                return Interlocked.CompareExchange(ref _sleep, (int)Sleep.None, (int)sleep) != (int)sleep;
            }
        }

        return true;
    }

    private static bool Wakes(Message message, Sleep sleep) =>
        sleep == Sleep.UntilAnyMessage || (sleep == Sleep.UntilMoreThanAWrite && message.Writes == 0);

    private static Message? Reverse(Message? newest)
    {
        Message? oldest = null;
        while (newest is not null)
        {
            (newest.Next, oldest, newest) = (oldest, newest, newest.Next);
        }

        return oldest;
    }
}

/// <summary>What the loop sleeps for.</summary>
internal enum Sleep
{
    None,

    UntilAnyMessage,

    /// <summary>As long as a further write would only be put to the others.</summary>
    UntilMoreThanAWrite,
}
