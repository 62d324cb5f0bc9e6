namespace Scaling.Batching;

/// <summary>The write may or may not have been committed, and nobody can tell: look before writing again.</summary>
/// <remarks>
/// Thrown when a connection is lost while committing, when a write delegate is abandoned because it ignores its token, and
/// when it breaks its contract after the fact. It is tried again, by <see cref="WriteBatcherOptions.Pipeline"/>, only if
/// <see cref="IsSafeToRepeat"/>.
/// </remarks>
public sealed class WriteOutcomeUnknownException : Exception
{
    /// <summary>Creates the exception. A write delegate throws it when it cannot promise that nothing was written.</summary>
    /// <param name="message">What is unknown.</param>
    /// <param name="innerException">The error that left the outcome open. A pipeline that may repeat the write sees this one.</param>
    /// <param name="isSafeToRepeat">Whether writing once more has no further effect if the first time had one.</param>
    public WriteOutcomeUnknownException(string message, Exception? innerException = null, bool isSafeToRepeat = false)
        : base(message, innerException) => IsSafeToRepeat = isSafeToRepeat;

    /// <summary>True if the write is idempotent, as with <see cref="PostgresInsert{T}.OnConflictDoNothing"/>: writing again settles the question.</summary>
    public bool IsSafeToRepeat { get; }
}
