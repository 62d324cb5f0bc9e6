using Npgsql;

namespace Scaling.Batching.Internal;

/// <summary>Which failures of a statement leave open whether it was committed.</summary>
internal static class CommitDoubt
{
    /// <summary>The exception to throw for a failed statement that was sent: the error itself if nothing was written, else the doubt.</summary>
    public static Exception Judge(Exception error, bool isIdempotent) => IsOpen(error)
        ? new WriteOutcomeUnknownException("The connection was lost before PostgreSQL confirmed the commit. The rows may or may not be there.", error, isIdempotent)
        : error;

    private static bool IsOpen(Exception error) => error switch
    {
        // The server said no, and is still there. A FATAL error may arrive after the commit, in place of its confirmation.
        PostgresException { InvariantSeverity: "FATAL" or "PANIC" } => true,
        PostgresException => false,

        // A cancelled statement is rolled back if the server says so. Without its word the connection was given up.
        OperationCanceledException { InnerException: PostgresException { SqlState: PostgresErrorCodes.QueryCanceled } } => false,
        OperationCanceledException => true,

        NpgsqlException => true,
        _ => false,
    };
}
