namespace Scaling.Batching;

/// <summary>Thrown by a write delegate to name the one item that made the whole batch fail; nothing of the batch was written.</summary>
/// <remarks>The batcher faults that item's task with <see cref="Exception.InnerException"/> and writes the others again without it.</remarks>
public sealed class RowFaultException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="index">The position of the item in the list given to the delegate, from zero.</param>
    /// <param name="innerException">The error as the item's caller shall see it.</param>
    public RowFaultException(int index, Exception innerException)
        : base($"Row {index} of the batch cannot be written: {innerException?.Message}", innerException)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentNullException.ThrowIfNull(innerException);
        Index = index;
    }

    /// <summary>The position of the item in the list given to the delegate, from zero.</summary>
    public int Index { get; }
}
