using TierDemo.Load;

namespace TierDemo.Tests;

/// <summary>What is counted, and what a ramp makes of it.</summary>
public sealed class LoadMeasureTests : IAsyncLifetime
{
    private readonly LoadTarget _target = new();
    private int _running;

    private LoadPlan Plan => _target.Plan(LoadRequest.Get("/{1..1000000}"));

    public ValueTask InitializeAsync() => _target.StartAsync();

    public ValueTask DisposeAsync() => _target.DisposeAsync();

    [Fact]
    public async Task Nothing_of_the_warm_up_is_in_the_result()
    {
        int sent = 0;
        _target.Answer = context =>
        {
            // The first hundred fail; of 250 a second over 1 s of warm-up they are its first.
            context.Response.StatusCode = Interlocked.Increment(ref sent) <= 100 ? 503 : 200;
            return Task.CompletedTask;
        };
        LoadResult result = await LoadGenerator.RunAsync(Plan with { Rate = 250, WarmUp = TimeSpan.FromSeconds(1), Duration = TimeSpan.FromSeconds(1), Connections = 4 });

        Assert.Equal(250, result.Requests + result.Unsent); // those due in the second second
        Assert.Empty(result.Errors);
        Assert.Equal(500, sent + result.Unsent);
        Assert.True(result.Timeline[0].Start >= TimeSpan.Zero);
    }

    [Fact]
    public async Task The_same_seed_sends_the_same_requests_and_another_one_others()
    {
        string[] first = await PathsAsync(42), again = await PathsAsync(42), other = await PathsAsync(43);
        Assert.Equal(first, again);
        Assert.NotEqual(first, other);
        Assert.InRange(first.Distinct().Count(), 80, 90); // the ids are random

        async Task<string[]> PathsAsync(ulong seed)
        {
            _target.Seen.Clear();
            await LoadGenerator.RunAsync(Plan with { Seed = seed, Rate = 200, Duration = TimeSpan.FromSeconds(0.5) });
            return [.. _target.Seen.Select(request => request.Path).Take(90)];
        }
    }

    [Fact]
    public async Task Progress_tells_of_the_warm_up_and_then_counts_upwards()
    {
        var told = new Told<LoadProgress>();
        LoadResult result = await LoadGenerator.RunAsync(Plan with { WarmUp = TimeSpan.FromSeconds(1.2), Duration = TimeSpan.FromSeconds(2.5) }, told);

        Assert.True(told.Values[0].WarmingUp);
        LoadProgress[] counted = [.. told.Values.Where(value => !value.WarmingUp)];
        Assert.NotEmpty(counted);
        Assert.Equal(counted.OrderBy(value => value.Elapsed).ThenBy(value => value.Requests), counted);
        Assert.All(counted, value => Assert.InRange(value.Requests, 0, result.Requests));
    }

    [Fact]
    public async Task Seconds_taken_together_have_the_requests_errors_and_percentiles_of_all_of_them()
    {
        int sent = 0;
        _target.Answer = async context =>
        {
            int number = Interlocked.Increment(ref sent);
            context.Response.StatusCode = number % 10 == 0 ? 500 : 200;
            await Task.Delay(number <= 20 ? 30 : 0);
        };
        LoadResult result = await LoadGenerator.RunAsync(Plan with { Rate = 100, Duration = TimeSpan.FromSeconds(3), Connections = 8 });

        LoadWindow all = result.Between(TimeSpan.Zero, TimeSpan.MaxValue);
        Assert.Equal((result.Requests, result.ErrorCount), (all.Requests, all.Errors));
        Assert.Equal(result.Latency.P99, all.Latency.P99);
        Assert.Equal(result.Latency.Max, all.Latency.Max);
        LoadWindow first = result.Between(TimeSpan.Zero, TimeSpan.FromSeconds(1)), rest = result.Between(TimeSpan.FromSeconds(1), TimeSpan.MaxValue);
        Assert.Equal(result.Requests, first.Requests + rest.Requests);
        Assert.Equal(0, result.Between(TimeSpan.FromHours(1), TimeSpan.MaxValue).Requests);
    }

    [Fact]
    public async Task A_ramp_that_nothing_stops_has_no_break_point()
    {
        _target.Answer = _ => Task.Delay(5); // each user more is 200 requests/s more
        RampResult ramp = await Ramp([1, 2, 4]).RunAsync();

        Assert.Equal((RampEnd.NotReached, (int?)null, 3), (ramp.End, ramp.BreakPoint, ramp.Steps.Count));
        Assert.Equal(4, ramp.Peak.Users);
    }

    [Fact]
    public async Task A_ramp_ends_with_errors_at_the_users_that_brought_them()
    {
        _target.Answer = async context =>
        {
            int together = Interlocked.Increment(ref _running);
            await Task.Delay(20);
            context.Response.StatusCode = together > 3 ? 503 : 200;
            Interlocked.Decrement(ref _running);
        };
        RampResult ramp = await Ramp([1, 2, 8, 16]).RunAsync();

        Assert.Equal((RampEnd.Errors, (int?)8, 3), (ramp.End, ramp.BreakPoint, ramp.Steps.Count));
    }

    [Fact]
    public async Task A_ramp_ends_when_answers_become_too_slow()
    {
        _target.Answer = _ => Task.Delay(100);
        RampResult ramp = await (Ramp([1, 2]) with { P99Bound = TimeSpan.FromMilliseconds(50) }).RunAsync();

        Assert.Equal((RampEnd.TooSlow, (int?)1), (ramp.End, ramp.BreakPoint));
    }

    [Fact]
    public async Task A_ramp_ends_when_users_bring_no_more_throughput_at_the_first_that_brought_none()
    {
        using var one = new SemaphoreSlim(1);
        _target.Answer = async _ =>
        {
            await one.WaitAsync();
            await Task.Delay(5);
            one.Release();
        };
        RampResult ramp = await Ramp([1, 2, 3, 4, 5, 6]).RunAsync();

        Assert.Equal(RampEnd.Saturated, ramp.End);
        Assert.Equal(ramp.Steps[^2].Users, ramp.BreakPoint);
    }

    [Fact]
    public async Task A_ramp_with_a_rate_or_without_users_is_refused()
    {
        await Assert.ThrowsAsync<ArgumentException>(() => Ramp([]).RunAsync());
        await Assert.ThrowsAsync<ArgumentException>(() => new LoadRamp(Plan with { Rate = 1 }).RunAsync());
    }

    private LoadRamp Ramp(int[] users) => new(Plan with { Duration = TimeSpan.FromSeconds(0.6) }) { Users = users, P99Bound = TimeSpan.FromSeconds(30) };

    private sealed class Told<T> : IProgress<T>
    {
        public List<T> Values { get; } = [];

        public void Report(T value) => Values.Add(value);
    }
}
