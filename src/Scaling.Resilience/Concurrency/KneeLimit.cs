namespace Scaling.Resilience;

/// <summary>
/// The default: keeps the number of calls at the knee of the throughput curve, where one more call in flight still brings
/// throughput but many more bring only waiting.
/// </summary>
/// <remarks>
/// <para>
/// Works on windows of at least 100 ms, 100 calls and two calls per permit. Little's law gives a window's latency as
/// (calls in flight) / (throughput), which one stuck call cannot distort. While the limit binds, latency may rise, from a measured
/// base, as the calls in flight to the power of 0.4: then throughput still rises as their power of 0.6, a little before the point at
/// which its quotient by latency (Kleinrock's power) is best. More than that, by a twentieth, shrinks the limit in proportion (at most
/// by half), else it grows by a twentieth, at least a fifth of a call. A sharp fall waits for a second window that asks for it: one may be
/// a stall that is over by now. A limit that does not bind teaches nothing and stays.
/// </para>
/// <para>
/// It does not drift, because the base is not the best latency ever seen but what was measured at the last probe: every 30
/// windows the limit falls by 30 % for one window. If throughput followed the fall, the calls had been worth their place and the
/// limit returns; if it did not, they had only been waiting, and the limit stays down and is probed again. A sharp fall by the
/// shrinking rule is judged in the same way, so a server that became slower, not busier, gets its calls back.
/// </para>
/// <para>Sources: Little 1961; Kleinrock's power (throughput/latency) as the optimum; BBR (Cardwell et al. 2016) for the drain. Not thread-safe.</para>
/// </remarks>
public sealed class KneeLimit : IConcurrencyLimit
{
    private const double Tolerance = 1.05;     // latency this far above what is allowed is noise
    private const double Elasticity = 0.4;     // of the latency that is allowed, in calls in flight
    private const double Growth = 0.05;        // per window
    private const double LeastGrowth = 0.2;    // or a limit of 1 or 2 is held down by noise alone
    private const double ProbeFall = 0.7;      // share of the limit that stays during a probe
    private const double Followed = 0.35;      // elasticity of throughput from which in-flight calls are worth their place
    private const int WindowsBetweenProbes = 30;
    private const int MinSamples = 100;
    private static readonly TimeSpan MinWindow = TimeSpan.FromMilliseconds(100);

    private readonly int _min;
    private readonly int _max;
    private double _limit;
    private Reading _base;                     // taken at the last probe; nothing before the first
    private double _reference;                 // the limit since then; a fall far below it is judged
    private int _windowsSinceProbe;
    private bool _alarmed;                     // the last window asked for a sharp fall
    private Phase _phase;
    private Reading _before;                   // what the probe is compared with
    private double _limitBefore;

    private TimeSpan _start;
    private TimeSpan _last;
    private double _area;                      // calls × ticks
    private int _samples;
    private int _dropped;
    private int _peak;

    /// <summary>Makes the limit.</summary>
    /// <param name="initial">The limit at first. Default 20.</param>
    /// <param name="min">The lowest limit. Default 1.</param>
    /// <param name="max">The highest limit. Default 1000.</param>
    public KneeLimit(int initial = 20, int min = 1, int max = 1000)
    {
        _max = LimitBounds.Check(initial, max);
        _ = LimitBounds.Check(min, initial);
        _min = min;
        _limit = _reference = initial;
    }

    private enum Phase
    {
        Steady,
        Draining,
        Probing,
    }

    /// <inheritdoc/>
    public int Limit => (int)_limit;

    /// <inheritdoc/>
    public void OnSample(in ConcurrencySample sample)
    {
        if (_phase == Phase.Draining)
        {
            if (sample.InFlight > Limit + 1)
            {
                return; // the calls above the new limit are still leaving
            }

            _phase = Phase.Probing;
            Restart(sample.Now);
            return;
        }

        if (_samples == 0 && _start == TimeSpan.Zero)
        {
            Restart(sample.Now);
        }

        _area += sample.InFlight * (double)(sample.Now - _last).Ticks;
        _last = sample.Now;
        _peak = Math.Max(_peak, sample.InFlight);
        _samples++;
        _dropped += sample.Dropped ? 1 : 0;

        TimeSpan elapsed = _last - _start;
        if (elapsed >= MinWindow && _samples >= MinSamples && _samples >= 2 * _limit)
        {
            var reading = new Reading(_area / elapsed.Ticks, _area / _samples, (double)_dropped / _samples);
            bool bound = _peak >= Limit;
            Restart(sample.Now);
            OnWindow(reading, bound);
        }
    }

    private void OnWindow(Reading window, bool bound)
    {
        if (_phase == Phase.Probing)
        {
            Judge(window);
            return;
        }

        if (!bound)
        {
            return;
        }

        if (_base.Latency == 0 || ++_windowsSinceProbe >= WindowsBetweenProbes)
        {
            Probe(window, _limit * ProbeFall);
            return;
        }

        double allowed = Tolerance * _base.Latency * Math.Pow(Math.Max(1, window.InFlight / _base.InFlight), Elasticity);
        double shrink = Math.Clamp(allowed / window.Latency, 0.5, 1) * (1 - (window.DropShare / 2));
        double next = (_limit * shrink) + (window.DropShare > 0 ? 0 : Math.Max(Growth * _limit, LeastGrowth));
        bool alarmedBefore = _alarmed;
        _alarmed = next <= ProbeFall * _reference;
        if (_alarmed)
        {
            if (alarmedBefore)
            {
                Probe(window, next);
            }

            return;
        }

        Set(next);
        _reference = Math.Max(_reference, _limit);
    }

    private void Probe(Reading before, double limit)
    {
        _before = before;
        _limitBefore = _limit;
        Set(limit);
        if (Limit == (int)_limitBefore)
        {
            Learn(before); // too few to take one away
            return;
        }

        _phase = Phase.Draining;
    }

    private void Judge(Reading probe)
    {
        _phase = Phase.Steady;
        _alarmed = false;
        Learn(probe);

        // d ln throughput / d ln in-flight, with latency = in-flight / throughput
        double fall = Math.Log(_before.InFlight / probe.InFlight);
        double elasticity = fall > 0.05 ? 1 - (Math.Log(_before.Latency / probe.Latency) / fall) : 1;
        if (elasticity >= Followed)
        {
            Set(_limitBefore * (1 - (_before.DropShare / 2)));
            _reference = _limit;
        }
        else
        {
            _windowsSinceProbe = WindowsBetweenProbes;
        }
    }

    private void Learn(Reading reading)
    {
        _base = reading;
        _reference = _limit;
        _windowsSinceProbe = 0;
    }

    private void Set(double limit) => _limit = Math.Clamp(limit, _min, _max);

    private void Restart(TimeSpan now)
    {
        _start = _last = now;
        _area = 0;
        _samples = _dropped = _peak = 0;
    }

    private readonly record struct Reading(double InFlight, double Latency, double DropShare);
}
