using System.Numerics;

namespace Scaling.Resilience;

/// <summary>Recent durations in buckets 6 % wide, from 0.1 ms to hours; older ones fade by half per half-life. Pure; not thread-safe.</summary>
internal sealed class LatencyHistogram(TimeSpan halfLife)
{
    private const int SubBits = 4;
    private const int Sub = 1 << SubBits;
    private readonly double[] _buckets = new double[40 * Sub];
    private double _total;
    private TimeSpan _faded;

    /// <summary>How many durations weigh in, older ones in part.</summary>
    public double Count => _total;

    public void Record(TimeSpan now, TimeSpan duration)
    {
        if (now - _faded >= halfLife)
        {
            _faded = now;
            _total /= 2;
            for (int i = 0; i < _buckets.Length; i++)
            {
                _buckets[i] /= 2;
            }
        }

        _buckets[Index(duration.Ticks)]++;
        _total++;
    }

    /// <summary>The upper edge of the bucket in which the quantile falls.</summary>
    public TimeSpan Quantile(double quantile)
    {
        double wanted = quantile * _total;
        int index = 0;
        for (double seen = _buckets[0]; seen < wanted && index < _buckets.Length - 1; seen += _buckets[index])
        {
            index++;
        }

        return new TimeSpan(UpperEdge(index));
    }

    // Values below 16 units have a bucket each; above, the four bits after the leading one choose it.
    private static int Index(long ticks)
    {
        ulong units = (ulong)Math.Max(0, ticks) / 16;
        int exponent = Math.Max(0, BitOperations.Log2(units | 1) - SubBits);
        return Math.Min((exponent * Sub) + (int)(units >> exponent), (40 * Sub) - 1);
    }

    private static long UpperEdge(int index)
    {
        int exponent = Math.Max(0, (index / Sub) - 1);
        return ((index - (exponent * Sub) + 1L) << exponent) * 16;
    }
}
