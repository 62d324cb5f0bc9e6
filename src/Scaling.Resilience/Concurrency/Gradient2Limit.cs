namespace Scaling.Resilience;

/// <summary>Follows the ratio of a long average of the round trip to the present one.</summary>
/// <remarks>
/// gradient = clamp(1.5·long/rtt, 0.5, 1); limit = 0.8·limit + 0.2·(gradient·limit + 4), unchanged while less than half is in use.
/// It tolerates latency that rises by half; under lasting overload the long average learns the queue and the limit climbs to
/// its maximum, so choose that maximum with care. Source: Netflix concurrency-limits, <c>Gradient2Limit</c>. Not thread-safe.
/// </remarks>
/// <param name="initial">The limit at first. Default 20.</param>
/// <param name="min">The lowest limit. Default 20.</param>
/// <param name="max">The highest limit. Default 200.</param>
public sealed class Gradient2Limit(int initial = 20, int min = 20, int max = 200) : IConcurrencyLimit
{
    private const int Warmup = 10;
    private const double Factor = 2.0 / (600 + 1);
    private const double Tolerance = 1.5;
    private const double Smoothing = 0.2;
    private const double QueueSize = 4;

    private readonly int _max = LimitBounds.Check(initial, max);
    private readonly int _min = LimitBounds.Check(min, initial) > 0 ? min : 1;
    private double _limit = initial;
    private double _long;
    private double _sum;
    private int _count;

    /// <inheritdoc/>
    public int Limit => (int)_limit;

    /// <inheritdoc/>
    public void OnSample(in ConcurrencySample sample)
    {
        double rtt = sample.Rtt.Ticks;
        if (rtt <= 0)
        {
            return;
        }

        UpdateLongAverage(rtt);
        if (sample.InFlight < _limit / 2)
        {
            return;
        }

        double gradient = sample.Dropped ? 0.5 : Math.Clamp(Tolerance * _long / rtt, 0.5, 1);
        double next = (_limit * gradient) + QueueSize;
        _limit = Math.Clamp((_limit * (1 - Smoothing)) + (next * Smoothing), _min, _max);
    }

    private void UpdateLongAverage(double rtt)
    {
        if (_count < Warmup)
        {
            _count++;
            _sum += rtt;
            _long = _sum / _count;
        }
        else
        {
            _long += (rtt - _long) * Factor;
        }

        // After a spell of overload the average is far above what is seen now: let it come down faster.
        if (_long / rtt > 2)
        {
            _long *= 0.95;
        }
    }
}
