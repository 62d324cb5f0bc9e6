using Polly;

namespace Scaling.Resilience;

/// <summary>How a client holds itself back from a server that refuses its calls.</summary>
public sealed class AdaptiveThrottleOptions : ResilienceStrategyOptions
{
    /// <summary>Names the strategy <c>AdaptiveThrottle</c> until you name it after the dependency.</summary>
    public AdaptiveThrottleOptions() => Name = "AdaptiveThrottle";

    /// <summary>Calls sent per call accepted before any is held back: 2 lets the server see every second call in vain, 1.1 every tenth. Default 2.</summary>
    public double Factor { get; set; } = 2;

    /// <summary>How far back calls are counted. Default 2 min.</summary>
    public TimeSpan Window { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>Which outcomes mean that the server did not accept the call. Default (null): every exception but a cancellation.</summary>
    public Predicate<Outcome<object>>? IsRefusal { get; set; }

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Factor, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(Window, TimeSpan.FromMilliseconds(100));
    }
}
