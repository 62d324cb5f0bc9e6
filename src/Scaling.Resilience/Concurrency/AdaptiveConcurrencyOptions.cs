using Polly;

namespace Scaling.Resilience;

/// <summary>How <see cref="AdaptiveConcurrencyLimiter"/> limits and queues.</summary>
public sealed class AdaptiveConcurrencyOptions : ResilienceStrategyOptions
{
    /// <summary>Names the strategy <c>AdaptiveConcurrency</c> until you name it after the dependency.</summary>
    public AdaptiveConcurrencyOptions() => Name = "AdaptiveConcurrency";

    /// <summary>The algorithm; each limiter needs its own instance. Default: a new <see cref="KneeLimit"/>.</summary>
    public Func<IConcurrencyLimit> Algorithm { get; set; } = static () => new KneeLimit();

    /// <summary>Calls that may wait for a permit; 0 sheds at once. A full queue turns away the lowest priority. Default 128.</summary>
    public int QueueLimit { get; set; } = 128;

    /// <summary>
    /// The longest wait while the queue has not been empty for <see cref="QueueInterval"/>: then it holds no burst, it only
    /// adds latency. Default 5 ms.
    /// </summary>
    public TimeSpan QueueTarget { get; set; } = TimeSpan.FromMilliseconds(5);

    /// <summary>The longest wait otherwise, long enough to ride out a burst. Default 100 ms.</summary>
    public TimeSpan QueueInterval { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Serves the newest first while the queue is standing: its caller has been waiting least and is the likeliest to be still there. Default true.</summary>
    public bool AdaptiveLifo { get; set; } = true;

    /// <summary>
    /// Which outcomes speak of overload. Default (null): timeouts (also as an inner exception, as Npgsql has them) and the refusals of
    /// a limiter further in. Cancelled calls, and calls that a circuit, deadline or throttle turned away, are never counted.
    /// </summary>
    public Predicate<Outcome<object>>? IsOverload { get; set; }

    internal void Validate()
    {
        ArgumentNullException.ThrowIfNull(Algorithm);
        ArgumentOutOfRangeException.ThrowIfNegative(QueueLimit);
        ArgumentOutOfRangeException.ThrowIfLessThan(QueueTarget, TimeSpan.FromMilliseconds(1));
        if (QueueInterval < QueueTarget || QueueInterval > TimeSpan.FromMinutes(1))
        {
            throw new ArgumentOutOfRangeException(nameof(QueueInterval), QueueInterval, $"AdaptiveConcurrencyOptions.QueueInterval must be between QueueTarget ({QueueTarget}) and 1 minute.");
        }
    }
}
