using FsCheck.Xunit;
using Scaling.Caching.Internal;

namespace Scaling.Caching.Tests;

public class LifetimesProperties
{
    // Vattani, Chierichetti, Lowenstein: due when now − δβ·ln(u) ≥ expiry, so with probability e^(−r/δβ)
    [Property]
    public bool XFetch_is_due_for_exactly_the_share_of_dice_that_the_paper_says(byte remaining, byte delta, byte betaTenths, ushort dice)
    {
        double r = 1 + remaining;
        double scale = (1 + delta) * (1 + betaTenths) / 10.0;
        double random = dice / 65536.0;
        double probability = Math.Exp(-r / scale);
        bool due = EarlyRefresh.IsDue(r, 1 + delta, (1 + betaTenths) / 10.0, random);
        return Math.Abs(random - (1 - probability)) < 1e-9 || due == (random > 1 - probability);
    }

    [Theory]
    [InlineData(1, 0.3679)]
    [InlineData(2, 0.1353)]
    [InlineData(3, 0.0498)]
    [InlineData(5, 0.0067)]
    public void XFetch_vectors(int loadTimesLeft, double expected)
    {
        const int Dice = 100_000;
        int due = Enumerable.Range(0, Dice).Count(i => EarlyRefresh.IsDue(loadTimesLeft, delta: 1, beta: 1, random: i / (double)Dice));
        Assert.Equal(expected, due / (double)Dice, 0.0002);
    }

    [Property]
    public bool XFetch_never_fires_beyond_the_horizon_or_with_beta_zero(byte delta, ushort dice)
    {
        double random = dice / 65536.0;
        return !EarlyRefresh.IsDue((EarlyRefresh.Horizon * (1 + delta)) + 1, 1 + delta, 1, random) && !EarlyRefresh.IsDue(1, 1 + delta, 0, random);
    }

    [Property]
    public bool Jitter_only_shortens_and_by_no_more_than_its_share(int milliseconds, byte jitterPercent, ushort dice)
    {
        TimeSpan wanted = TimeSpan.FromMilliseconds(1 + Math.Abs((long)milliseconds));
        double jitter = jitterPercent % 51 / 100.0;
        TimeSpan life = Lifetimes.FreshFor(wanted, forNull: TimeSpan.Zero, isNull: false, jitter, dice / 65536.0);
        return life <= wanted && life >= (wanted * (1 - jitter)) - TimeSpan.FromTicks(1);
    }

    [Property]
    public bool A_null_lives_as_long_as_the_shorter_of_the_two_times(long wanted, long forNull, bool isNull)
    {
        TimeSpan life = Lifetimes.FreshFor(new TimeSpan(wanted), new TimeSpan(forNull), isNull, jitter: 0, random: 0);
        long expected = Math.Clamp(isNull ? Math.Min(wanted, forNull) : wanted, 0, Lifetimes.Longest.Ticks);
        return life.Ticks == expected;
    }
}
