using Microsoft.Extensions.Time.Testing;
using Polly;
using Polly.Retry;

namespace Scaling.Resilience.Tests;

public class RetryBudgetTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void Finagles_vector_a_thousand_deposits_in_ten_seconds_pay_for_three_hundred_retries()
    {
        var budget = new RetryBudget(timeProvider: _time);
        for (int i = 0; i < 1000; i++)
        {
            budget.Deposit();
            _time.Advance(TimeSpan.FromMilliseconds(10));
        }

        Assert.Equal(300, Withdraw(budget, 1000));
    }

    [Fact]
    public void A_withdrawal_counts_for_the_whole_window_and_no_longer_than_a_tenth_more()
    {
        var budget = new RetryBudget(timeProvider: _time);
        Assert.Equal(100, Withdraw(budget, 1000));
        for (int i = 0; i < 99; i++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(100));
            Assert.False(budget.TryWithdraw());
        }

        _time.Advance(TimeSpan.FromMilliseconds(1100));
        Assert.Equal(100, Withdraw(budget, 1000));
    }

    [Fact]
    public async Task A_full_outage_of_a_thousand_calls_is_retried_no_more_than_the_reserve()
    {
        var budget = new RetryBudget(timeProvider: _time);
        ResiliencePipeline pipeline = Retrying(budget);
        int attempts = 0;
        for (int i = 0; i < 1000; i++)
        {
            await pipeline.ExecuteOutcomeAsync<int, int>(
                (_, _) =>
                {
                    attempts++;
                    return Outcome.FromExceptionAsValueTask<int>(new IOException());
                },
                ResilienceContextPool.Shared.Get(),
                0);
            _time.Advance(TimeSpan.FromMilliseconds(10));
        }

        Assert.InRange(attempts - 1000, 100, 110); // the reserve of 10 s, plus what a tenth of a window gives back
    }

    [Fact]
    public async Task The_question_after_the_last_attempt_costs_nothing()
    {
        var budget = new RetryBudget(timeProvider: _time);
        double before = budget.Balance;

        await Retrying(budget).ExecuteOutcomeAsync<int, int>(
            static (_, _) => Outcome.FromExceptionAsValueTask<int>(new IOException()), ResilienceContextPool.Shared.Get(), 0);

        Assert.Equal(before - 3, budget.Balance);
    }

    [Fact]
    public async Task A_call_cancelled_by_its_caller_earns_nothing()
    {
        var budget = new RetryBudget(timeProvider: _time);
        double before = budget.Balance;

        await Retrying(budget).ExecuteOutcomeAsync<int, int>(
            static (_, _) => Outcome.FromExceptionAsValueTask<int>(new OperationCanceledException()), ResilienceContextPool.Shared.Get(), 0);

        Assert.Equal(before, budget.Balance);
    }

    [Fact]
    public void An_option_out_of_range_is_named_with_its_value()
    {
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => new RetryBudget(new RetryBudgetOptions { Ratio = -0.1 }));
        Assert.Equal("Ratio", error.ParamName);
        Assert.Contains("-0.1", error.Message, StringComparison.Ordinal);
    }

    private static int Withdraw(RetryBudget budget, int tries) => Enumerable.Range(0, tries).Count(_ => budget.TryWithdraw());

    private ResiliencePipeline Retrying(RetryBudget budget) =>
        new ResiliencePipelineBuilder { TimeProvider = _time }
            .AddRetry(new RetryStrategyOptions { MaxRetryAttempts = 3, Delay = TimeSpan.Zero }.WithBudget(budget))
            .Build();
}
