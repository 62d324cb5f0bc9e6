using FsCheck.Xunit;
using Microsoft.Extensions.Time.Testing;

namespace Scaling.Resilience.Tests;

public class RetryBudgetProperties
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(10);

    /// <summary>The law of the remarks, checked at every withdrawal against a plain list of all that happened.</summary>
    [Property(MaxTest = 300)]
    public bool Over_any_window_retries_never_exceed_the_share_of_the_successes_plus_the_reserve(int seed)
    {
        var time = new FakeTimeProvider();
        var budget = new RetryBudget(new RetryBudgetOptions { Ratio = 0.2, ReservePerSecond = 1 }, time);
        DateTimeOffset start = time.GetUtcNow();
        List<TimeSpan> deposits = [], withdrawals = [];
        var random = new Random(seed);
        for (int step = 0; step < 60; step++)
        {
            TimeSpan now = time.GetUtcNow() - start;
            for (int i = 0; i < random.Next(4); i++)
            {
                budget.Deposit();
                deposits.Add(now);
            }

            for (int i = 0; i < 20; i++)
            {
                if (budget.TryWithdraw())
                {
                    withdrawals.Add(now);
                }
            }

            if (withdrawals.Count == 0 || withdrawals[^1] != now)
            {
                time.Advance(TimeSpan.FromMilliseconds(random.Next(3000)));
                continue; // the law speaks of the window that ends with a withdrawal
            }

            double spent = withdrawals.Count(t => now - t < Window);
            double earned = deposits.Count(t => now - t < Window * 1.1);
            if (spent > (0.2 * earned) + 10 + 1e-6)
            {
                return false;
            }

            time.Advance(TimeSpan.FromMilliseconds(random.Next(3000)));
        }

        return true;
    }

    [Property(MaxTest = 100)]
    public bool What_the_balance_shows_can_be_withdrawn_and_no_more(byte deposits)
    {
        var budget = new RetryBudget(timeProvider: new FakeTimeProvider());
        for (int i = 0; i < deposits; i++)
        {
            budget.Deposit();
        }

        int promised = (int)(budget.Balance + 1e-9);
        return Enumerable.Range(0, promised).All(_ => budget.TryWithdraw()) && !budget.TryWithdraw();
    }

    [Fact]
    public async Task Sixteen_threads_cannot_overdraw_it()
    {
        var budget = new RetryBudget(timeProvider: new FakeTimeProvider());
        int[] taken = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(() => Enumerable.Range(0, 1000).Count(_ => budget.TryWithdraw()))));
        Assert.Equal(100, taken.Sum());
    }
}
