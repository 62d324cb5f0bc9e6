namespace TierDemo.Load;

/// <summary>What to send, where, how hard and for how long.</summary>
/// <remarks>
/// Without <see cref="Rate"/> the loop is <b>closed</b>: every connection sends its next request when the answer to the last one is in. It finds
/// ceilings, and its latencies say nothing about users, because a stalled server is simply asked less often. With <see cref="Rate"/> the loop is
/// <b>open</b>: request k is due at k / rate, whatever the server does, and its latency counts from that moment.
/// </remarks>
/// <param name="BaseUrl">Scheme, host and port of the target; any path in it is ignored (the <paramref name="Workload"/> has the paths).</param>
/// <param name="Workload">The requests.</param>
public sealed record LoadPlan(Uri BaseUrl, Workload Workload)
{
    /// <summary>Connections, each with at most one request on the wire: what k6 calls virtual users.</summary>
    public int Connections { get; init; } = 10;

    /// <summary>How long requests are begun and counted, after <see cref="WarmUp"/>.</summary>
    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Traffic before the measurement; nothing in the result comes from it.</summary>
    public TimeSpan WarmUp { get; init; }

    /// <summary>Requests a second of the open loop; null for the closed loop.</summary>
    public double? Rate { get; init; }

    /// <summary>Closed loop only: how long a user thinks between an answer and the next request.</summary>
    public TimeSpan ThinkTime { get; init; }

    /// <summary>Longest wait for one answer (connecting included), from the moment it is sent; enforced to within a tenth.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How long an answer is worth anything, from the moment its request was due (closed loop: sent): <see cref="LoadResult.Good"/> counts by it. The
    /// generator itself goes on waiting until <see cref="Timeout"/>. Null: any answer will do.
    /// </summary>
    public TimeSpan? Deadline { get; init; }

    /// <summary>Response headers whose values are counted.</summary>
    public IReadOnlyList<string> CountedHeaders { get; init; } = ["x-cache", "content-encoding"];

    /// <summary>Request k is a pure function of this seed and k.</summary>
    public ulong Seed { get; init; } = 42;

    /// <summary>The user's word that the target is theirs to load; without it only loopback addresses are accepted.</summary>
    public bool TargetIsMine { get; init; }

    /// <summary>https only: accept a certificate that does not verify, such as a developer's own.</summary>
    public bool AcceptAnyCertificate { get; init; }

    internal void Validate()
    {
        if (!BaseUrl.IsAbsoluteUri || (BaseUrl.Scheme != Uri.UriSchemeHttp && BaseUrl.Scheme != Uri.UriSchemeHttps))
        {
            throw new ArgumentException($"'{BaseUrl}' is not an http:// or https:// URL; write for example http://localhost:3000.", nameof(BaseUrl));
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(Connections, 1, nameof(Connections));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Connections, 10_000, nameof(Connections));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(Duration, TimeSpan.Zero, nameof(Duration));
        ArgumentOutOfRangeException.ThrowIfLessThan(WarmUp, TimeSpan.Zero, nameof(WarmUp));
        ArgumentOutOfRangeException.ThrowIfLessThan(ThinkTime, TimeSpan.Zero, nameof(ThinkTime));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(Timeout, TimeSpan.Zero, nameof(Timeout));
        if (Deadline is { } deadline)
        {
            ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(deadline, TimeSpan.Zero, nameof(Deadline));
        }

        if (Rate is double rate && !(rate > 0 && rate <= 1_000_000))
        {
            throw new ArgumentOutOfRangeException(nameof(Rate), rate, "The rate must be above 0 and at most 1,000,000 requests a second; leave it out for the closed loop.");
        }

        if (Rate is not null && ThinkTime > TimeSpan.Zero)
        {
            throw new ArgumentException("A think time belongs to the closed loop; leave out either it or the rate.", nameof(ThinkTime));
        }
    }
}
