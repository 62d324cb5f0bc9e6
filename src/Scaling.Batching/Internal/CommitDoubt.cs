using System.Data;
using Npgsql;

namespace Scaling.Batching.Internal;

/// <summary>Which failures of a statement leave open whether it was committed.</summary>
internal static class CommitDoubt
{
    /// <summary>The exception to throw for a failed statement that was sent: the error itself if nothing was written, else the doubt.</summary>
    public static Exception Judge(Exception error, NpgsqlConnection connection, bool isIdempotent, CancellationToken cancellationToken) => error switch
    {
        _ when IsInDoubt(error, connection) => new WriteOutcomeUnknownException(
            "The connection was lost before PostgreSQL confirmed the commit. The rows may or may not be there.", error, isIdempotent),
        PostgresException { SqlState: PostgresErrorCodes.QueryCanceled } when cancellationToken.IsCancellationRequested =>
            new OperationCanceledException(error.Message, error, cancellationToken),
        _ => error,
    };

    private static bool IsInDoubt(Exception error, NpgsqlConnection connection) => error switch
    {
        // The server said no, and is still there. A FATAL error may arrive after the commit, in place of its confirmation.
        PostgresException { InvariantSeverity: "FATAL" or "PANIC" } => true,
        PostgresException => false,

        // Npgsql gives up waiting for a cancelled statement in three ways: the server confirms (the inner exception), nothing had
        // been sent yet (the connection is fine), or the server does not answer (the connection is broken).
        OperationCanceledException { InnerException: PostgresException { SqlState: PostgresErrorCodes.QueryCanceled } } => false,
        OperationCanceledException => connection.State != ConnectionState.Open,

        NpgsqlException => true,
        _ => false,
    };
}
