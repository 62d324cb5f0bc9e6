using Scaling.Resilience.Tests.Simulation;

namespace Scaling.Resilience.Tests;

/// <summary>The promises of docs/resilience.md, on servers whose capacity is known. No real time passes.</summary>
public class SimulationTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(2, false)]
    [InlineData(5, false)]
    [InlineData(10, false)]
    [InlineData(2, true)]
    [InlineData(5, true)]
    [InlineData(10, true)]
    public void Under_overload_goodput_stays_and_the_admitted_stay_fast(int times, bool exponential)
    {
        double unloaded = UnloadedP99(exponential);
        LoadRun nothing = Overload(Guard.Nothing, times, exponential);
        LoadRun bulkhead = Overload(Guard.Bulkhead, times, exponential);
        LoadRun adaptive = Overload(Guard.Adaptive, times, exponential);

        Assert.InRange(nothing.Goodput(40), 0, 0.05);
        Assert.True(bulkhead.P99(40) > adaptive.P99(40));
        Assert.InRange(adaptive.Goodput(40), 0.9, 1.05);
        Assert.InRange(adaptive.P99(40), 0, 2 * unloaded);
    }

    [Theory]
    [InlineData(2, 5, 2)]
    [InlineData(2, 5, 10)]
    [InlineData(4, 100, 2)]
    [InlineData(4, 100, 10)]
    [InlineData(200, 50, 2)]
    [InlineData(50, 2, 2)]
    public void It_finds_the_knee_of_servers_small_and_large_slow_and_fast(int workers, double milliseconds, int times)
    {
        using var unloaded = new LoadRun(Guard.Nothing, workers: workers, serviceMilliseconds: milliseconds, spread: Spreads.Exponential);
        unloaded.Run(20 + (int)(4000 / unloaded.Server.Capacity), unloaded.Server.Capacity * 0.3);
        using var run = new LoadRun(Guard.Adaptive, workers: workers, serviceMilliseconds: milliseconds, spread: Spreads.Exponential);
        run.Run(20 + (int)(8000 / run.Server.Capacity), run.Server.Capacity * times);
        int last = 10 + (int)(4000 / run.Server.Capacity);
        Report("knee", run);

        Assert.InRange(run.Goodput(last), 0.9, 1.1);
        Assert.InRange(run.P99(last), 0, 2 * unloaded.P99(last));
        Assert.InRange(run.Seconds[^1].Limit, workers * 0.5, (workers * 2) + 1);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(10)]
    public void A_server_without_a_sharp_knee_is_neither_starved_nor_drowned(int halfAt)
    {
        using var unloaded = new LoadRun(Guard.Nothing, halfAt: halfAt);
        unloaded.Run(20, unloaded.Server.Capacity * 0.3);
        using var run = new LoadRun(Guard.Adaptive, halfAt: halfAt);
        run.Run(120, run.Server.Capacity * 5);
        Report($"half at {halfAt}", run);

        Assert.InRange(run.Goodput(60), 0.5, 0.9); // half of its capacity is where throughput over latency is best
        Assert.InRange(run.P99(60), 0, 3 * unloaded.P99(20));
    }

    [Fact]
    public void A_server_that_becomes_slower_and_not_busier_gets_its_calls_back()
    {
        using var run = new LoadRun(Guard.Adaptive);
        run.Run(20, 800);
        run.Server.ServiceTime *= 2;
        run.Run(20, 800);
        Report("slower", run);
        Assert.InRange(run.Goodput(10), 0.9, 1.05);

        run.Server.ServiceTime /= 2;
        run.Run(20, 800);
        Report("and back", run);
        Assert.InRange(run.Goodput(10), 0.9, 1.05);
    }

    [Fact]
    public void A_server_that_loses_three_of_four_workers_is_spared_and_found_again()
    {
        using var run = new LoadRun(Guard.Adaptive);
        run.Run(20, 800);
        run.Server.Workers = 5;
        run.Run(30, 800);
        Report("loses", run);
        Assert.InRange(run.Goodput(10), 0.9, 1.05);
        Assert.InRange(run.P99(10), 0, 200);

        run.Server.Workers = 20;
        run.Run(30, 800);
        Report("found", run);
        Assert.InRange(run.Goodput(10), 0.9, 1.05);
    }

    [Fact]
    public void Thirty_minutes_of_overload_do_not_make_it_drift()
    {
        using var run = new LoadRun(Guard.Adaptive, workers: 10, spread: Spreads.Exponential);
        run.Run(1800, run.Server.Capacity * 3);
        Report("drift", run);

        double early = run.Seconds.Skip(30).Take(120).Average(s => s.Limit);
        double late = run.Seconds.TakeLast(120).Average(s => s.Limit);
        Assert.InRange(late / early, 0.7, 1.4);
        Assert.InRange(run.Goodput(600), 0.9, 1.05);
    }

    [Fact]
    public void A_retry_storm_outlives_its_cause_without_a_budget_and_ends_with_one()
    {
        StormRun without = Storm(withBudget: false, out int retriesWithout);
        StormRun with = Storm(withBudget: true, out int retriesWith);
        output.WriteLine($"retries during the outage: {retriesWithout} without, {retriesWith} with");
        output.WriteLine($"goodput/s without: {string.Join(' ', without.Seconds.Select(s => s.Good))}");
        output.WriteLine($"goodput/s with:    {string.Join(' ', with.Seconds.Select(s => s.Good))}");

        Assert.InRange(without.Seconds.TakeLast(10).Average(s => s.Good), 0, 32);    // a tenth of the load
        Assert.InRange(with.Seconds.TakeLast(10).Average(s => s.Good), 310, 330);
        Assert.InRange(retriesWith, 0, (0.2 * 320 * 11) + 100 + 50);                 // what had been earned, the reserve of 10 s, the reserve of 5 s
        Assert.True(retriesWithout > 3 * retriesWith);
    }

    private static StormRun Storm(bool withBudget, out int retriesInOutage)
    {
        var run = new StormRun(withBudget);
        run.Run(20, 320);
        int before = run.Retries;
        run.Server.Workers = 0;
        run.Run(5, 320);
        run.Server.Workers = 20;
        retriesInOutage = run.Retries - before;
        run.Run(65, 320);
        return run;
    }

    private static double UnloadedP99(bool exponential)
    {
        using var run = new LoadRun(Guard.Nothing, spread: exponential ? Spreads.Exponential : null);
        run.Run(20, run.Server.Capacity * 0.3);
        return run.P99(20);
    }

    private LoadRun Overload(Guard guard, int times, bool exponential)
    {
        using var run = new LoadRun(guard, spread: exponential ? Spreads.Exponential : null);
        run.Run(60, run.Server.Capacity * times);
        Report($"{guard} {times}x {(exponential ? "exponential" : "steady")}", run);
        return run;
    }

    private void Report(string what, LoadRun run) =>
        output.WriteLine($"{what}: goodput {run.Goodput(10):P1} p99 {run.P99(10):F0} ms, limits {string.Join(' ', run.Seconds.TakeLast(60).Select(s => s.Limit))}");
}
