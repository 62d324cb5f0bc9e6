namespace Scaling.Batching.Internal;

/// <summary>Whatever the loop can be told. One that takes room passes the gate first, and may have to wait there in line.</summary>
internal abstract class Message
{
    /// <summary>Writes that the message adds to what is pending: 1 for a write, 0 for everything else.</summary>
    public virtual int Writes => 0;

    /// <summary>Bytes that the message adds to what is pending.</summary>
    public long Bytes;

    // The gate's line: both links and the flag belong to the gate's lock.
    public Message? Ahead, Behind;
    public bool IsWaiting;
}

/// <summary>Asks the loop to look again: a timer fired, room was given back, or the batcher is stopping.</summary>
internal sealed class Wake : Message
{
    public static readonly Wake Up = new();
}

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
