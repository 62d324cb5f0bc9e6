namespace Scaling.Resilience;

/// <summary>Additive increase, multiplicative decrease: one more per success near the limit, ×0.9 per drop.</summary>
/// <remarks>
/// Reacts only to failures, so it suits a client of a server that refuses or times out when it has enough.
/// Source: Chiu and Jain 1989; the numbers are those of Netflix concurrency-limits. Not thread-safe.
/// </remarks>
/// <param name="initial">The limit at first. Default 20.</param>
/// <param name="max">The highest limit. Default 200.</param>
/// <param name="timeout">A call that takes longer counts as dropped. Default 5 s.</param>
public sealed class AimdLimit(int initial = 20, int max = 200, TimeSpan? timeout = null) : IConcurrencyLimit
{
    private readonly int _max = LimitBounds.Check(initial, max);
    private readonly TimeSpan _timeout = timeout ?? TimeSpan.FromSeconds(5);

    /// <inheritdoc/>
    public int Limit { get; private set; } = initial;

    /// <inheritdoc/>
    public void OnSample(in ConcurrencySample sample)
    {
        if (sample.Dropped || sample.Rtt > _timeout)
        {
            Limit = Math.Max(1, (int)(Limit * 0.9));
        }
        else if (sample.InFlight * 2 >= Limit)
        {
            Limit = Math.Min(_max, Limit + 1);
        }
    }
}
