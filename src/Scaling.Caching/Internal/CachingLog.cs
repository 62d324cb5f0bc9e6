using Microsoft.Extensions.Logging;

namespace Scaling.Caching.Internal;

/// <summary>One line per change of state, never one per request.</summary>
internal sealed partial class CachingLog(ILogger logger)
{
    [LoggerMessage(1, LogLevel.Warning, "L2 {Store} is given up: calls go around it until a probe succeeds. Invalidations owed: {Owed}.")]
    private partial void LogOpened(string store, int owed, Exception? cause);

    [LoggerMessage(2, LogLevel.Information, "L2 {Store} answers: calls go to it. Everything owed to it was delivered.")]
    private partial void LogClosed(string store);

    [LoggerMessage(3, LogLevel.Error, "{Type} cannot be serialized, so it is not shared through L2. Said once per type.")]
    private partial void LogNotSerializable(Type type, Exception cause);

    public void Opened(string store, int owed, Exception? cause) => LogOpened(store, owed, cause);

    public void Closed(string store) => LogClosed(store);

    public void NotSerializable(Type type, Exception cause) => LogNotSerializable(type, cause);
}
