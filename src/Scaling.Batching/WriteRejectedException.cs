namespace Scaling.Batching;

/// <summary>The write was refused: it has not been and never will be written. Trying again is safe.</summary>
public sealed class WriteRejectedException : InvalidOperationException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">Why the write was refused.</param>
    /// <param name="innerException">What led to it, if anything.</param>
    public WriteRejectedException(string message, Exception? innerException = null) : base(message, innerException)
    {
    }

    internal static WriteRejectedException Full(int capacity) =>
        new($"The batcher is full ({capacity} writes pending) and RejectWhenFull is set. The write was not made: try again later or raise Capacity.");

    internal static WriteRejectedException Stopped(Exception? cause = null) =>
        new("The batcher has been stopped. The write was not made.", cause);
}
