namespace TierDemo.Load;

/// <summary>The kinds of failure a load counts. An answer other than 2xx or 304 is counted as <c>HTTP 404</c>, <c>HTTP 503</c>…</summary>
public static class LoadErrors
{
    /// <summary>Nobody listens.</summary>
    public const string Refused = "connection refused";

    /// <summary>No connection for another reason: no route, no address, no port left.</summary>
    public const string NotConnected = "cannot connect";

    /// <summary>The TLS handshake failed.</summary>
    public const string Tls = "TLS handshake failed";

    /// <summary>The peer reset the connection.</summary>
    public const string Reset = "connection reset";

    /// <summary>The peer closed the connection before its answer was complete.</summary>
    public const string Closed = "connection closed early";

    /// <summary>No complete answer within <see cref="LoadPlan.Timeout"/>.</summary>
    public const string Timeout = "timeout";

    /// <summary>What came is not HTTP/1.1, or is more than one answer.</summary>
    public const string Malformed = "malformed answer";

    /// <summary>The kind of an answer with this status.</summary>
    public static string Status(int status) => $"HTTP {status}";

    internal static bool IsSuccess(int status) => status is (>= 200 and < 300) or 304;
}
