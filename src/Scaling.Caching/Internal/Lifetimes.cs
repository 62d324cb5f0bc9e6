using Microsoft.Extensions.Caching.Hybrid;

namespace Scaling.Caching.Internal;

/// <summary>The four times of one call, after options and defaults are merged.</summary>
internal readonly record struct Lifetimes(TimeSpan Fresh, TimeSpan? Local, TimeSpan Null, TimeSpan Stale)
{
    public static Lifetimes From(CacheAsideOptions defaults) =>
        new(defaults.Expiration, defaults.LocalExpiration, defaults.NullExpiration, defaults.MaxStale);

    public Lifetimes With(CacheEntryOptions? options) => options is null
        ? this
        : new(options.Expiration ?? Fresh, options.LocalExpiration ?? Local, options.NullExpiration ?? Null, options.MaxStale ?? Stale);

    public Lifetimes With(HybridCacheEntryOptions? options) => options is null
        ? this
        : this with { Fresh = options.Expiration ?? Fresh, Local = options.LocalCacheExpiration ?? Local };

    /// <summary>How long a result is fresh: nulls have their own time, jitter only shortens.</summary>
    public static TimeSpan FreshFor(TimeSpan wanted, TimeSpan forNull, bool isNull, double jitter, double random)
    {
        TimeSpan life = isNull && forNull < wanted ? forNull : wanted;
        return life <= TimeSpan.Zero ? TimeSpan.Zero : life * (1 - (jitter * random));
    }
}

/// <summary>
/// XFetch (Vattani, Chierichetti, Lowenstein: Optimal Probabilistic Cache Stampede Prevention, VLDB 2015): a read at remaining life r refreshes the value
/// with probability e^(-r / δβ), δ being the measured load time.
/// </summary>
internal static class EarlyRefresh
{
    /// <summary>Beyond this many δβ before expiry the probability is below 3·10⁻⁹: no dice are thrown.</summary>
    public const double Horizon = 20;

    public static bool IsDue(double remaining, double delta, double beta, double random) => -delta * beta * Math.Log(1 - random) >= remaining;
}
