namespace Scaling.Resilience;

/// <summary>What Redis' errors mean for a retry and for a circuit. Knows StackExchange.Redis by name, without referring to it.</summary>
public static class RedisErrors
{
    private static readonly string[] RefusalWords =
    [
        "LOADING", "READONLY", "MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN", "NOREPLICAS",
        "Key has MOVED", // in the client's own words, where it was told not to follow
    ];

    /// <summary>A later attempt may succeed; whether this one took effect may be unknown.</summary>
    /// <param name="exception">The failure.</param>
    /// <returns>True for a lost connection, a timeout, and all of <see cref="IsRefused"/>.</returns>
    public static bool IsTransient(Exception? exception) => IsUnavailable(exception) || IsRefused(exception);

    /// <summary>The server did not execute the command and says why: loading, read-only after a failover, slot moved, cluster down.</summary>
    /// <param name="exception">The failure.</param>
    /// <returns>Whether the command certainly left no trace.</returns>
    public static bool IsRefused(Exception? exception) =>
        exception is not null && TypeName(exception) == "StackExchange.Redis.RedisServerException"
        && RefusalWords.Any(word => exception.Message.StartsWith(word, StringComparison.Ordinal));

    /// <summary>The server is away or does not answer in time: what a circuit should count.</summary>
    /// <param name="exception">The failure.</param>
    /// <returns>Whether it speaks of the server's health.</returns>
    public static bool IsUnavailable(Exception? exception) =>
        exception is TimeoutException or Polly.Timeout.TimeoutRejectedException
        || (exception is not null && TypeName(exception) is "StackExchange.Redis.RedisConnectionException");

    private static string? TypeName(Exception exception) => exception.GetType().FullName;
}
