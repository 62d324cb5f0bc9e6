using TierDemo.Load;

namespace TierDemo.Climb;

/// <summary>Runs one measurement against one tier and says on the console how it goes.</summary>
internal sealed class Gauge(Uri url, TimeSpan length, CancellationToken cancellationToken)
{
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(1);

    public long Requests { get; private set; }

    public long Errors { get; private set; }

    public CancellationToken CancellationToken => cancellationToken;

    /// <summary>The ceiling: a closed loop, every connection asks again as soon as it is answered.</summary>
    public Task<LoadResult> CeilingAsync(string what, Workload workload, int connections) =>
        RunAsync(what, new LoadPlan(url, workload) { Connections = connections, Duration = length, WarmUp = WarmUp });

    /// <summary>Latency at a fixed rate, counted from the moment each request was due.</summary>
    public Task<LoadResult> LatencyAsync(string what, Workload workload, int connections, double rate) =>
        RunAsync(what, new LoadPlan(url, workload) { Connections = connections, Duration = length, WarmUp = WarmUp, Rate = Math.Max(1, rate) });

    /// <summary>More and more users until the tier breaks.</summary>
    public async Task<string> BreakPointAsync(Workload workload)
    {
        var ramp = new LoadRamp(new LoadPlan(url, workload) { Duration = TimeSpan.FromSeconds(1.5), WarmUp = TimeSpan.FromSeconds(0.3) })
        {
            Users = [20, 60, 180, 540, 1_000],
            P99Bound = TimeSpan.FromMilliseconds(200),
        };
        Say("ramp", "20 … 1,000 users");
        RampResult result = await ramp.RunAsync(null, cancellationToken);
        string answer = result.End switch
        {
            RampEnd.NotReached => $"> {result.Steps[^1].Users} VUs",
            RampEnd.TooSlow => $"{result.BreakPoint} VUs (p99 > 200 ms)",
            RampEnd.Errors => $"{result.BreakPoint} VUs (errors)",
            _ => $"{result.BreakPoint} VUs (no more req/s)",
        };
        Say("ramp", answer);
        return answer;
    }

    public async Task<LoadResult> RunAsync(string what, LoadPlan plan)
    {
        LoadResult result = await LoadGenerator.RunAsync(plan, new ConsoleProgress(what), cancellationToken);
        Requests += result.Requests;
        Errors += result.ErrorCount;
        string errors = result.ErrorCount == 0 ? "" : $", errors: {string.Join(", ", result.Errors.Select(error => $"{error.Value} × {error.Key}"))}";
        Say(what, $"{result.RequestsPerSecond:N0} req/s, p99 {Text.Of(result.Latency.P99)}{errors}");
        return result;
    }

    private static void Say(string what, string text) => Console.WriteLine($"{Clear}  {what,-34} {text}");

    private static string Clear => Console.IsOutputRedirected ? "" : "\r\e[2K";

    private sealed class ConsoleProgress(string what) : IProgress<LoadProgress>
    {
        public void Report(LoadProgress value)
        {
            if (!Console.IsOutputRedirected)
            {
                Console.Write($"{Clear}  {what,-34} {(value.WarmingUp ? "warming up" : $"{value.RequestsPerSecond:N0} req/s, p99 {Text.Of(value.P99)}")}");
            }
        }
    }
}

internal static class Text
{
    public static string Of(TimeSpan time) =>
        time.TotalMilliseconds >= 1_000 ? $"{time.TotalSeconds:F1} s" : $"{time.TotalMilliseconds:F1} ms";
}
