namespace Scaling.Batching.Internal;

/// <summary>Whatever the loop can be told. One that takes room passes the gate first, and may have to wait there in line.</summary>
internal abstract class Message
{
    /// <summary>Writes that the message adds to what is pending: 1 for a write, 0 for everything else.</summary>
    public virtual int Writes => 0;

    /// <summary>Bytes that the message adds to what is pending.</summary>
    public long Bytes;

    /// <summary>The one posted before, and the one posted after once the loop has taken them. Belongs to the mailbox.</summary>
    public Message? Next;

    /// <summary>When the message was posted, if the mailbox was empty then.</summary>
    public long PostedAt;

    // The gate's line: both links and the flag belong to the gate's lock.
    public Message? Ahead, Behind;
    public bool IsWaiting;
}

/// <summary>Asks the loop to look again: a timer fired, room was given back, or the batcher is stopping.</summary>
internal sealed class Wake : Message;

/// <summary>The deadline of a stop has passed.</summary>
internal sealed class DeadlinePassed : Message;

/// <summary>The grace after an abort has passed.</summary>
internal sealed class GracePassed : Message;

/// <summary>Asks to settle everything that is in the queue ahead of it.</summary>
internal sealed class Flush : Message
{
    private readonly TaskCompletionSource _settled = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task Settled => _settled.Task;

    public void Complete() => _settled.TrySetResult();
}

/// <summary>Callers are about to hear their outcome.</summary>
/// <remarks>
/// A window with a delay counts who may come back. So it is told before the callers are, through the same mailbox as their next writes:
/// what stands before this message came from others, and whoever comes back stands behind it.
/// </remarks>
internal sealed class Answers<TItem, TResult>(Partition<TItem, TResult> partition, int callers) : Message
{
    public Partition<TItem, TResult> Partition => partition;

    public int Callers => callers;
}
