using Scaling.Resilience.Tests.Simulation;

namespace Scaling.Resilience.Tests;

/// <summary>The goals of <see cref="SimulationTests"/> on servers that the constants of <see cref="KneeLimit"/> were not chosen on.</summary>
public class UnseenServerTests(ITestOutputHelper output)
{
    private const int Last = 40;

    private const int Runs = 4;
    private readonly TimeSpan _patience = TimeSpan.FromSeconds(10); // their own tails are longer than a second

    [Theory]
    [InlineData("lognormal", 20, 50, 2)]
    [InlineData("lognormal", 20, 50, 10)]
    [InlineData("lognormal", 7, 12, 10)]
    [InlineData("lognormal", 64, 130, 5)]
    [InlineData("bimodal", 20, 50, 2)]
    [InlineData("bimodal", 20, 50, 10)]
    [InlineData("bimodal", 33, 8, 5)]
    [InlineData("bimodal", 12, 200, 5)]
    public void Service_times_of_other_shapes_leave_goodput_and_the_admitted_as_they_should_be(string shape, int workers, double milliseconds, int times)
    {
        Func<Random, double> spread = shape == "lognormal" ? Spreads.Lognormal : Spreads.Bimodal;
        for (int seed = 1; seed <= Runs; seed++)
        {
            using var unloaded = new LoadRun(Guard.Nothing, workers: workers, serviceMilliseconds: milliseconds, spread: spread, seed: seed) { Patience = _patience };
            int last = Last + (int)(4000 / unloaded.Server.Capacity); // the limiter counts calls, a slow server gives it few
            unloaded.Run(2 * last, unloaded.Server.Capacity * 0.3);
            using var run = new LoadRun(Guard.Adaptive, workers: workers, serviceMilliseconds: milliseconds, spread: spread, seed: seed) { Patience = _patience };
            run.Run(2 * last, run.Server.Capacity * times);
            Report($"{shape} {workers} × {milliseconds} ms, {times}×, run {seed}", run, unloaded.P99(last));

            Assert.InRange(run.Goodput(last), 0.9, 1.1);
            Assert.InRange(run.P99(last), 0, 2 * unloaded.P99(last));
        }
    }

    [Theory]
    [InlineData(200)]
    [InlineData(600)]
    public void A_server_that_stalls_every_five_seconds_is_used_to_the_full_in_between(int stall)
    {
        using var run = new LoadRun(Guard.Adaptive, spread: Spreads.Lognormal);
        for (int i = 0; i < 16; i++)
        {
            run.Run(5, run.Server.Capacity * 5);
            run.Server.Stall(TimeSpan.FromMilliseconds(stall));
        }

        Report($"stalls of {stall} ms", run, double.NaN);
        Assert.InRange(run.Goodput(Last), 0.9 * (1 - (stall / 5000.0)), 1.05);
    }

    [Fact]
    public void A_server_that_degrades_slowly_to_a_quarter_and_recovers_is_followed_both_ways()
    {
        using var run = new LoadRun(Guard.Adaptive, workers: 40, spread: Spreads.Lognormal);
        double load = run.Server.Capacity * 3;
        var goodput = new List<double>();
        for (int workers = 40; workers >= 10; workers--)
        {
            run.Server.Workers = workers;
            run.Run(4, load);
            goodput.Add(run.Goodput(4));
        }

        Report("degraded", run, double.NaN);
        for (int workers = 10; workers <= 40; workers++)
        {
            run.Server.Workers = workers;
            run.Run(4, load);
        }

        run.Run(40, load);
        Report("recovered", run, double.NaN);
        Assert.InRange(goodput.Average(), 0.9, 1.05);
        Assert.InRange(run.Goodput(Last), 0.9, 1.05);
    }

    private void Report(string what, LoadRun run, double unloaded) => output.WriteLine(
        $"{what}: goodput {run.Goodput(Last):P1}, p99 {run.P99(Last):F0} ms ({run.P99(Last) / unloaded:F2} × unloaded), limits {string.Join(' ', run.Seconds.TakeLast(30).Select(s => s.Limit))}");
}
