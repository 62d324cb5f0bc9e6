using TierDemo.Load;

namespace TierDemo.Climb;

/// <summary>Runs measurements against one tier and says on the console how they go.</summary>
internal sealed class Gauge(Uri url, TimeSpan length, CancellationToken cancellationToken)
{
    private readonly TimeSpan _warmUp = length / 6;

    public long Requests { get; private set; }

    public long Errors { get; private set; }

    public Uri Url => url;

    public TimeSpan Length => length;

    /// <summary>The ceiling: a closed loop, every connection asks again as soon as it is answered.</summary>
    public Task<LoadResult> CeilingAsync(string what, Workload workload, int connections) =>
        RunAsync(what, new LoadPlan(url, workload) { Connections = connections, Duration = length, WarmUp = _warmUp });

    /// <summary>Latency at a fixed rate, counted from the moment each request was due.</summary>
    public Task<LoadResult> LatencyAsync(string what, Workload workload, int connections, double rate) =>
        RunAsync(what, new LoadPlan(url, workload) { Connections = connections, Duration = length, WarmUp = _warmUp, Rate = Math.Max(1, rate) });

    /// <summary>More and more users until the tier breaks.</summary>
    public async Task<string> BreakPointAsync(Workload workload)
    {
        var ramp = new LoadRamp(new LoadPlan(url, workload) { Duration = length * 0.4, WarmUp = length / 15 })
        {
            Users = [20, 50, 100, 200, 400, 700, 1_000],
        };
        RampResult result = await ramp.RunAsync(new Steps(this), cancellationToken);
        string answer = GuideTable.BreakPoint(result, ramp.P99Bound);
        Console.WriteLine(Line("ramp", $"breaks at {answer}"));
        return answer;
    }

    /// <summary>Runs any plan; its requests and errors count for the tier.</summary>
    public async Task<LoadResult> RunAsync(string what, LoadPlan plan)
    {
        LoadResult result = await LoadGenerator.RunAsync(plan, new Live(what), cancellationToken);
        Count(result);
        string errors = result.ErrorCount == 0 ? "" : $", errors: {string.Join(", ", result.Errors.Select(error => $"{error.Value:N0} × {error.Key}"))}";
        Console.WriteLine(Line(what, $"{result.RequestsPerSecond,7:N0} req/s, p99 {Text.Of(result.Latency.P99)}{errors}"));
        return result;
    }

    private void Count(LoadResult result)
    {
        Requests += result.Requests;
        Errors += result.ErrorCount;
    }

    private static string Line(string what, string text) => $"{(Console.IsOutputRedirected ? "" : "\r\e[2K")}  {what,-36} {text}";

    private static void Passing(string what, string text)
    {
        if (!Console.IsOutputRedirected)
        {
            Console.Write(Line(what, text)); // the next line takes its place
        }
    }

    private sealed class Live(string what) : IProgress<LoadProgress>
    {
        public void Report(LoadProgress value) =>
            Passing(what, value.WarmingUp ? "warming up" : $"{value.RequestsPerSecond,7:N0} req/s, p99 {Text.Of(value.P99)}");
    }

    private sealed class Steps(Gauge gauge) : IProgress<RampStep>
    {
        public void Report(RampStep value)
        {
            gauge.Count(value.Result);
            Passing("ramp", $"{value.Users:N0} VUs: {value.Result.RequestsPerSecond:N0} req/s, p99 {Text.Of(value.Result.Latency.P99)}");
        }
    }
}
