namespace TierDemo.Load;

/// <summary>What a load did and found. It covers the requests begun (open loop: due) within <see cref="Elapsed"/>, also those answered after its end.</summary>
public sealed record LoadResult
{
    /// <summary>Requests sent or tried, whatever became of them.</summary>
    public required long Requests { get; init; }

    /// <summary>The measured time, without the warm-up.</summary>
    public required TimeSpan Elapsed { get; init; }

    /// <summary>
    /// From the moment a request was sent (open loop: was due) to the last byte of its answer, of any status. A timeout counts with its wait;
    /// a connection that failed has no latency.
    /// </summary>
    public required LatencySummary Latency { get; init; }

    /// <summary>The same of the successful answers alone: what those had who got what they asked for.</summary>
    public required LatencySummary SuccessLatency { get; init; }

    /// <summary>Successful answers within <see cref="LoadPlan.Deadline"/>: the goodput. Without a deadline, all successful answers.</summary>
    public required long Good { get; init; }

    /// <summary>Answers by status.</summary>
    public required IReadOnlyDictionary<int, long> Statuses { get; init; }

    /// <summary>Failures by kind: see <see cref="LoadErrors"/>.</summary>
    public required IReadOnlyDictionary<string, long> Errors { get; init; }

    /// <summary>For each counted header, its values and how often each came.</summary>
    public required IReadOnlyDictionary<string, IReadOnlyDictionary<string, long>> Headers { get; init; }

    /// <summary>Bytes received, heads included, bodies as they came over the wire.</summary>
    public required long BytesReceived { get; init; }

    /// <summary>Second by second, by the moment at which requests ended.</summary>
    public required IReadOnlyList<LoadWindow> Timeline { get; init; }

    /// <summary>
    /// Open loop: requests that were due but never sent, because every connection was still waiting when the time was over. Their wait until then is
    /// in <see cref="Latency"/>, as the least it can have been. More than a few mean that the server cannot serve this rate.
    /// </summary>
    public required long Unsent { get; init; }

    /// <summary>Requests per second of <see cref="Elapsed"/>.</summary>
    public double RequestsPerSecond => Requests / Elapsed.TotalSeconds;

    /// <summary>All failures.</summary>
    public long ErrorCount => Errors.Values.Sum();

    /// <summary>How often a counted header had this value.</summary>
    public long HeaderCount(string header, string value) =>
        Headers.TryGetValue(header, out IReadOnlyDictionary<string, long>? values) ? values.GetValueOrDefault(value) : 0;

    /// <summary>The seconds that begin in [<paramref name="from"/>, <paramref name="to"/>), merged, with true percentiles over all of them: before, during, after an outage.</summary>
    public LoadWindow Between(TimeSpan from, TimeSpan to)
    {
        LoadWindow[] windows = [.. Timeline.Where(window => window.Start >= from && window.Start < to)];
        return new LoadWindow(
            windows.Length == 0 ? from : windows[0].Start,
            new TimeSpan(windows.Sum(window => window.Length.Ticks)),
            windows.Sum(window => window.Requests),
            windows.Sum(window => window.Errors),
            LatencySummary.From(Internal.Latencies.Merge(windows.SelectMany(window => window.Latencies))));
    }
}
