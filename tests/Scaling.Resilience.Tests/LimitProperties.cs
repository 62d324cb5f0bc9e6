using FsCheck.Xunit;

namespace Scaling.Resilience.Tests;

public class LimitProperties
{
    [Property(MaxTest = 300)]
    public bool Whatever_is_sampled_the_limit_stays_within_its_bounds((int Rtt, byte InFlight, bool Dropped)[] samples, int seed)
    {
        IConcurrencyLimit[] limits =
        [
            new AimdLimit(initial: 10, max: 50),
            new VegasLimit(initial: 10, max: 50, new Random(seed)),
            new Gradient2Limit(initial: 10, min: 5, max: 50),
            new KneeLimit(initial: 10, min: 5, max: 50),
        ];
        int[] minimum = [1, 1, 5, 5];
        TimeSpan now = TimeSpan.Zero;
        for (int repeat = 0; repeat < 20; repeat++)
        {
            foreach ((int rtt, byte inFlight, bool dropped) in samples)
            {
                now += TimeSpan.FromMilliseconds(Math.Abs(rtt % 50));
                var sample = new ConcurrencySample(now, TimeSpan.FromTicks(rtt), inFlight, dropped);
                for (int i = 0; i < limits.Length; i++)
                {
                    limits[i].OnSample(sample);
                    if (limits[i].Limit < minimum[i] || limits[i].Limit > 50)
                    {
                        return false;
                    }
                }
            }
        }

        return true;
    }

    [Property(MaxTest = 100)]
    public bool Drops_alone_never_raise_the_limit(byte inFlight, ushort rtt)
    {
        IConcurrencyLimit[] limits = [new AimdLimit(), new VegasLimit(), new Gradient2Limit(), new KneeLimit()];
        TimeSpan now = TimeSpan.Zero;
        for (int i = 0; i < 1000; i++)
        {
            now += TimeSpan.FromMilliseconds(5);
            foreach (IConcurrencyLimit limit in limits)
            {
                limit.OnSample(new ConcurrencySample(now, TimeSpan.FromMilliseconds(1 + rtt), Math.Max(20, (int)inFlight), dropped: true));
            }
        }

        return limits.All(l => l.Limit <= 20);
    }

    [Property(MaxTest = 50)]
    public bool A_limit_that_does_not_bind_stays(byte inFlight, ushort microseconds)
    {
        var limit = new KneeLimit(initial: 300);
        TimeSpan now = TimeSpan.Zero;
        for (int i = 0; i < 5000; i++)
        {
            now += TimeSpan.FromMicroseconds(microseconds);
            limit.OnSample(new ConcurrencySample(now, TimeSpan.FromMilliseconds(i % 100), inFlight));
        }

        return limit.Limit == 300;
    }
}
