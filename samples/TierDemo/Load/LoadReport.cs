using System.Globalization;
using Spectre.Console;

namespace TierDemo.Load;

/// <summary>Runs a plan with live progress and prints what it found.</summary>
public static class LoadReport
{
    public static async Task<LoadResult> RunAsync(LoadPlan plan, IAnsiConsole console, CancellationToken cancellationToken)
    {
        console.WriteLine(plan.Rate is double rate
            ? $"Open loop: {rate.ToString("N0", CultureInfo.InvariantCulture)} requests/s over {plan.Connections} connections to {plan.BaseUrl}"
            : $"Closed loop: {plan.Connections} connections to {plan.BaseUrl}");
        LoadResult result = await console.Status().StartAsync("starting", status =>
            LoadGenerator.RunAsync(plan, new Live(status), cancellationToken)).ConfigureAwait(false);
        Print(result, console);
        if (plan.Deadline is { } deadline)
        {
            console.WriteLine($"  goodput: {Number(result.Good / result.Elapsed.TotalSeconds)} successful answers/s within {Ms(deadline)}; p99 of the successful {Ms(result.SuccessLatency.P99)}");
        }

        return result;
    }

    public static void Print(LoadResult result, IAnsiConsole console)
    {
        Table table = new Table().Border(TableBorder.Rounded).AddColumns("req/s", "mean", "p50", "p90", "p99", "p99.9", "max");
        LatencySummary latency = result.Latency;
        table.AddRow(
            Number(result.RequestsPerSecond), Ms(latency.Mean), Ms(latency.P50), Ms(latency.P90), Ms(latency.P99), Ms(latency.P999), Ms(latency.Max));
        console.Write(table);
        console.WriteLine($"{Number(result.Requests)} requests in {result.Elapsed.TotalSeconds.ToString("0.#", CultureInfo.InvariantCulture)} s, {Number(result.BytesReceived / 1024.0)} KiB received, {Number(result.ErrorCount)} errors");
        foreach ((string kind, long count) in result.Errors)
        {
            console.WriteLine($"  {kind}: {Number(count)}");
        }

        foreach ((string header, IReadOnlyDictionary<string, long> values) in result.Headers.Where(header => header.Value.Count > 0))
        {
            console.WriteLine($"  {header}: {string.Join(", ", values.Select(value => $"{value.Key} {Number(value.Value)}"))}");
        }

        if (result.Unsent > 0)
        {
            console.WriteLine($"  {Number(result.Unsent)} requests were due but never sent: the server cannot serve this rate; the latencies are lower bounds.");
        }
    }

    private static string Number(double value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private static string Ms(TimeSpan time) => time.TotalMilliseconds.ToString("0.##", CultureInfo.InvariantCulture) + " ms";

    private sealed class Live(StatusContext status) : IProgress<LoadProgress>
    {
        public void Report(LoadProgress value) => status.Status(value.WarmingUp
            ? "warming up"
            : $"{value.Elapsed.TotalSeconds:0} s · {Number(value.Requests)} requests · {Number(value.RequestsPerSecond)}/s · p99 {Ms(value.P99)} · {Number(value.Errors)} errors");
    }
}
