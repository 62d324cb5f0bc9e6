namespace Scaling.Resilience.Tests;

/// <summary>The published algorithms reproduce their own arithmetic.</summary>
public class LimitVectorTests
{
    private static readonly TimeSpan Rtt = TimeSpan.FromMilliseconds(10);

    [Theory]
    [InlineData(1.0, false, 112)]
    [InlineData(1.05, false, 102)]
    [InlineData(1.1, false, 100)]
    [InlineData(1.2, false, 98)]
    [InlineData(1.0, true, 98)]
    public void Vegas_at_a_hundred(double slower, bool dropped, int expected)
    {
        var limit = new VegasLimit(initial: 100);
        limit.OnSample(Sample(Rtt, 100)); // teaches the best round trip

        limit.OnSample(Sample(Rtt * slower, 100, dropped));

        Assert.Equal(expected, limit.Limit);
    }

    [Fact]
    public void Vegas_holds_while_less_than_half_is_in_use()
    {
        var limit = new VegasLimit(initial: 100);
        limit.OnSample(Sample(Rtt, 10));
        limit.OnSample(Sample(Rtt, 49));
        Assert.Equal(100, limit.Limit);
    }

    [Fact]
    public void Gradient2_climbs_from_twenty_to_two_hundred_in_225_samples()
    {
        var limit = new Gradient2Limit();
        for (int i = 0; i < 224; i++)
        {
            limit.OnSample(Sample(Rtt * 2, limit.Limit));
        }

        Assert.Equal(199, limit.Limit);
        limit.OnSample(Sample(Rtt * 2, limit.Limit));
        limit.OnSample(Sample(Rtt * 2, limit.Limit));
        Assert.Equal(200, limit.Limit);
    }

    [Theory]
    [InlineData(2, 190.8)]
    [InlineData(10, 180.8)]
    public void Gradient2_at_two_hundred_when_calls_become_slower(int times, double expected)
    {
        var limit = new Gradient2Limit(initial: 200, min: 20, max: 200);
        for (int i = 0; i < 50; i++)
        {
            limit.OnSample(Sample(Rtt, 200));
        }

        limit.OnSample(Sample(Rtt * times, 200));

        Assert.InRange(limit.Limit, expected - 1, expected + 1); // the long average has already learned a little of it
    }

    [Fact]
    public void Aimd_adds_one_near_the_limit_and_takes_a_tenth_per_drop_or_timeout()
    {
        var limit = new AimdLimit(initial: 100);
        limit.OnSample(Sample(Rtt, 50));
        Assert.Equal(101, limit.Limit);
        limit.OnSample(Sample(Rtt, 49));
        Assert.Equal(101, limit.Limit);
        limit.OnSample(Sample(Rtt, 100, dropped: true));
        Assert.Equal(90, limit.Limit);
        limit.OnSample(Sample(TimeSpan.FromSeconds(6), 100));
        Assert.Equal(81, limit.Limit);
    }

    [Theory]
    [InlineData(100, 50, 0)]
    [InlineData(100, 25, 0.495)]
    [InlineData(100, 0, 0.990)]
    public void The_throttle_formula_of_the_SRE_book(int requests, int accepts, double expected) =>
        Assert.Equal(expected, ThrottleMachine.RejectionProbability(requests, accepts, 2), 3);

    private static ConcurrencySample Sample(TimeSpan rtt, int inFlight, bool dropped = false) => new(TimeSpan.Zero, rtt, inFlight, dropped);
}
