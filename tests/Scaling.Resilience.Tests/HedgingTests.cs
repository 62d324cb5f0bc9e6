using FsCheck.Xunit;
using Microsoft.Extensions.Time.Testing;
using Polly;
using Polly.Hedging;

namespace Scaling.Resilience.Tests;

public class HedgingTests
{
    private readonly FakeTimeProvider _time = new();

    [Property(MaxTest = 200)]
    public bool The_histogram_is_right_within_its_bucket_width(ushort[] milliseconds, byte percent)
    {
        if (milliseconds.Length == 0)
        {
            return true;
        }

        double quantile = Math.Clamp(percent % 100 / 100.0, 0.01, 0.99);
        var histogram = new LatencyHistogram(TimeSpan.FromDays(1));
        foreach (ushort value in milliseconds)
        {
            histogram.Record(TimeSpan.Zero, TimeSpan.FromMilliseconds(value));
        }

        double exact = milliseconds.Order().ElementAt((int)Math.Ceiling(quantile * milliseconds.Length) - 1);
        double answer = histogram.Quantile(quantile).TotalMilliseconds;
        return answer >= exact && answer <= (exact * 1.07) + 0.01;
    }

    [Fact]
    public async Task The_delay_follows_the_percentile_of_recent_calls()
    {
        var delay = new HedgingDelay(0.95, _time);
        ResiliencePipeline<int> pipeline = Build(delay, null);
        Assert.Null(delay.Current);

        for (int i = 0; i < 200; i++)
        {
            await Call(pipeline, i % 10 == 0 ? 100 : 10);
        }

        Assert.InRange(delay.Current!.Value.TotalMilliseconds, 100, 107);
    }

    [Fact]
    public async Task A_slow_first_attempt_is_overtaken_and_still_counts_as_slow()
    {
        var delay = new HedgingDelay(0.95, _time);
        ResiliencePipeline<int> pipeline = Build(delay, null);
        for (int i = 0; i < 128; i++)
        {
            await Call(pipeline, 10);
        }

        TimeSpan before = delay.Current!.Value;
        for (int i = 0; i < 200; i++)
        {
            int attempts = 0;
            Task<int> call = pipeline.ExecuteAsync(async ct => ++attempts == 1 ? await Sleep(10_000, ct) : 2).AsTask();
            _time.Advance(before);
            Assert.Equal(2, await call.WaitAsync(TimeSpan.FromSeconds(20)));
            Assert.Equal(2, attempts);
        }

        Assert.True(delay.Current >= before); // were the losers forgotten, the hedges' 0 ms would drag it down
    }

    [Fact]
    public async Task An_empty_budget_sends_no_hedge_and_the_first_attempt_is_waited_for()
    {
        var budget = new RetryBudget(new RetryBudgetOptions { ReservePerSecond = 0 }, _time);
        ResiliencePipeline<int> pipeline = Build(new HedgingDelay(0.95, _time), budget);
        int attempts = 0;
        var first = new TaskCompletionSource<int>();
        Task<int> call = pipeline.ExecuteAsync(_ =>
        {
            attempts++;
            return new ValueTask<int>(first.Task);
        }).AsTask();

        _time.Advance(TimeSpan.FromSeconds(10));
        first.SetResult(7);

        Assert.Equal(7, await call.WaitAsync(TimeSpan.FromSeconds(20)));
        Assert.Equal(1, attempts);
        Assert.Equal(0.2, budget.Balance, 6);
    }

    [Fact]
    public async Task An_empty_budget_lets_a_failure_stand()
    {
        var budget = new RetryBudget(new RetryBudgetOptions { ReservePerSecond = 0 }, _time);
        ResiliencePipeline<int> pipeline = Build(new HedgingDelay(0.95, _time), budget);
        await Assert.ThrowsAsync<IOException>(async () => await pipeline.ExecuteAsync<int>(static _ => throw new IOException()).AsTask().WaitAsync(TimeSpan.FromSeconds(20)));
    }

    private async Task<int> Sleep(int milliseconds, CancellationToken cancellationToken)
    {
        await Task.Delay(TimeSpan.FromMilliseconds(milliseconds), _time, cancellationToken);
        return 1;
    }

    private async Task Call(ResiliencePipeline<int> pipeline, int milliseconds)
    {
        Task<int> call = pipeline.ExecuteAsync(async ct => await Sleep(milliseconds, ct)).AsTask();
        _time.Advance(TimeSpan.FromMilliseconds(milliseconds));
        await call.WaitAsync(TimeSpan.FromSeconds(20));
    }

    private ResiliencePipeline<int> Build(HedgingDelay delay, RetryBudget? budget)
    {
        var options = new HedgingStrategyOptions<int> { Delay = TimeSpan.FromSeconds(2) };
        return new ResiliencePipelineBuilder<int> { TimeProvider = _time }
            .AddHedging(budget is null ? options : options.WithBudget(budget), delay)
            .Build();
    }
}
