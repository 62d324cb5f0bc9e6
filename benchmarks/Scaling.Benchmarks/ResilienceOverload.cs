using System.Globalization;
using TierDemo.Load;
using TierDemo.Seed;
using TierDemo.Serve;
using TierDemo.Servers;

namespace Scaling.Benchmarks;

/// <summary>
/// A real API beyond its ceiling, with and without a door: tier 1 of TierDemo (one worker, ten connections to Postgres), deep pages by OFFSET, an open
/// loop of impatient clients. Both servers run all the time, on the same database, and are loaded in turn.
/// </summary>
internal sealed class ResilienceOverload : IMacro
{
    private const int Users = 100_000;
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(500);
    private static readonly Workload DeepPages = Workload.Of(LoadRequest.Get("/api/users?page={1..1000}&limit=100").WithHeader("x-request-deadline", "500m"));

    public string Name => "overload";

    public async Task RunAsync()
    {
        await using Backends backends = await Backends.StartAsync(new BackendOptions(), 1, Console.WriteLine, CancellationToken.None);
        await Seeder.SeedAsync(backends.Settings, 1, Users, _ => { }, CancellationToken.None);
        await using TierServer open = await TierServer.StartAsync(1, 0, null, backends.Settings, shed: false, CancellationToken.None);
        await using TierServer guarded = await TierServer.StartAsync(1, 0, null, backends.Settings, shed: true, CancellationToken.None);
        (string Door, Uri Url)[] servers = [("no", open.Url), ("yes", guarded.Url)];

        double ceiling = 0;
        foreach ((_, Uri url) in servers.Reverse())
        {
            ceiling = (await LoadGenerator.RunAsync(Plan(url) with { Connections = 10, WarmUp = TimeSpan.FromSeconds(4) })).RequestsPerSecond;
        }

        Console.WriteLine(Line($"Ceiling without a door, closed loop, 10 clients: {ceiling:N0}/s. {Environment.ProcessorCount} cores run clients, server and Postgres.\n"));
        Console.WriteLine("| offered | door | good answers/s (within 500 ms) | of the ceiling | p99 of the answered | refused | never sent |\n|--:|---|--:|--:|--:|--:|--:|");
        foreach (double times in (double[])[0.5, 1, 2, 5])
        {
            foreach ((string door, Uri url) in servers)
            {
                LoadResult result = await LoadGenerator.RunAsync(Plan(url) with { Rate = times * ceiling });
                double good = result.Good / result.Elapsed.TotalSeconds;
                Console.WriteLine(Line(
                    $"| {times}× = {times * ceiling:N0}/s | {door} | {good:N0} | {good / ceiling:P0} | {result.SuccessLatency.P99.TotalMilliseconds:N0} ms | {result.Statuses.GetValueOrDefault(503):N0} | {result.Unsent:N0} |"));
            }
        }
    }

    private static LoadPlan Plan(Uri url) => new(url, DeepPages)
    {
        Connections = 1_000,
        WarmUp = TimeSpan.FromSeconds(3),
        Duration = TimeSpan.FromSeconds(10),
        Deadline = Patience,
        Timeout = TimeSpan.FromSeconds(5),
    };

    private static string Line(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
