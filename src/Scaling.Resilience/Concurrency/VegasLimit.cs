namespace Scaling.Resilience;

/// <summary>Estimates the queue at the server from the best round trip seen, and keeps it between two small numbers.</summary>
/// <remarks>
/// queue = ⌈L·(1 − rtt₀/rtt)⌉; with α = 3·log₁₀L, β = 6·log₁₀L: up by β while the queue is at most log₁₀L, up by log₁₀L below α,
/// down by log₁₀L above β or when a call is dropped. rtt₀ is taken anew every 30·L·U(0.5, 1) samples. It compares single calls, so it
/// suits calls of even length: where lengths vary widely, every call looks queued beside the shortest one and the limit sinks
/// (measured in docs/results/resilience.md).
/// Source: Brakmo and Peterson, TCP Vegas, 1995, as in Netflix concurrency-limits. Not thread-safe.
/// </remarks>
/// <param name="initial">The limit at first. Default 20.</param>
/// <param name="max">The highest limit. Default 1000.</param>
/// <param name="random">Spreads the moments at which rtt₀ is taken anew; the shared generator if null.</param>
public sealed class VegasLimit(int initial = 20, int max = 1000, Random? random = null) : IConcurrencyLimit
{
    private const int ProbeMultiplier = 30;

    private readonly int _max = LimitBounds.Check(initial, max);
    private readonly Random _random = random ?? Random.Shared;
    private double _limit = initial;
    private TimeSpan _bestRtt;
    private long _samples;
    private double _probeJitter = 1;

    /// <inheritdoc/>
    public int Limit => (int)_limit;

    /// <inheritdoc/>
    public void OnSample(in ConcurrencySample sample)
    {
        if (sample.Rtt <= TimeSpan.Zero)
        {
            return;
        }

        if (++_samples >= ProbeMultiplier * _probeJitter * _limit)
        {
            _samples = 0;
            _probeJitter = 0.5 + (_random.NextDouble() / 2);
            _bestRtt = sample.Rtt;
        }
        else if (_bestRtt == TimeSpan.Zero || sample.Rtt < _bestRtt)
        {
            _bestRtt = sample.Rtt;
        }
        else
        {
            _limit = Math.Clamp(Next(sample), 1, _max);
        }
    }

    private double Next(in ConcurrencySample sample)
    {
        double step = Math.Max(1, Math.Log10(_limit));
        if (sample.Dropped)
        {
            return _limit - step;
        }

        if (sample.InFlight * 2 < _limit)
        {
            return _limit;
        }

        double queue = Math.Ceiling(_limit * (1 - (_bestRtt / sample.Rtt)));
        return queue switch
        {
            _ when queue <= step => _limit + (6 * step),
            _ when queue < 3 * step => _limit + step,
            _ when queue > 6 * step => _limit - step,
            _ => _limit,
        };
    }
}
