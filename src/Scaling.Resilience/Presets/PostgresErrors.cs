using System.Data.Common;

namespace Scaling.Resilience;

/// <summary>What Postgres' errors mean for a retry and for a circuit. Works through <see cref="DbException"/>, so it knows Npgsql without referring to it.</summary>
public static class PostgresErrors
{
    /// <summary>A later attempt may succeed; whether this one took effect may be unknown. Retry only what may happen twice.</summary>
    /// <param name="exception">The failure.</param>
    /// <returns>True for what the driver calls transient (connection lost, timeout, server starting or full) and for all of <see cref="IsRolledBack"/>.</returns>
    public static bool IsTransient(Exception? exception) =>
        exception is DbException { IsTransient: true } || IsRolledBack(exception) || exception is TimeoutException;

    /// <summary>
    /// The server says that nothing happened, so any statement may be retried: serialization failure (40001), deadlock (40P01), lock not
    /// available (55P03), too many connections (53300), server starting or stopping (57P03).
    /// </summary>
    /// <remarks>Inside an explicit transaction, the whole transaction must be repeated, not its last statement.</remarks>
    /// <param name="exception">The failure.</param>
    /// <returns>Whether the statement certainly left no trace.</returns>
    public static bool IsRolledBack(Exception? exception) =>
        exception is DbException { SqlState: "40001" or "40P01" or "55P03" or "53300" or "57P03" };

    /// <summary>The server is away or cannot serve: what a circuit should count. A constraint, a deadlock or bad SQL is an answer, not an outage.</summary>
    /// <param name="exception">The failure.</param>
    /// <returns>Whether it speaks of the server's health.</returns>
    public static bool IsUnavailable(Exception? exception) => exception switch
    {
        DbException { SqlState: { Length: 5 } state } => state[..2] is "08" or "53" or "57" or "58" && state is not "57014", // a cancelled query
        DbException { IsTransient: true } or TimeoutException => true,
        Polly.Timeout.TimeoutRejectedException => true,
        _ => false,
    };
}
