using Microsoft.Extensions.Caching.Hybrid;

namespace Scaling.Caching.Internal;

/// <summary>The four times of one call, after options and defaults are merged. None is negative, and none is so long that adding it to a clock overflows.</summary>
internal readonly record struct Lifetimes(TimeSpan Fresh, TimeSpan? Local, TimeSpan Null, TimeSpan Stale)
{
    /// <summary>Longer than any process or Redis entry is meant to live.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromDays(3650);

    public static Lifetimes From(CacheAsideOptions defaults) =>
        new(Bound(defaults.Expiration), Bound(defaults.LocalExpiration), Bound(defaults.NullExpiration), Bound(defaults.MaxStale));

    public Lifetimes With(HybridCacheEntryOptions? options) => options is null
        ? this
        : this with { Fresh = Bound(options.Expiration) ?? Fresh, Local = Bound(options.LocalCacheExpiration) ?? Local };

    /// <summary>How long a result is fresh: nulls have their own time, jitter only shortens.</summary>
    public static TimeSpan FreshFor(TimeSpan wanted, TimeSpan forNull, bool isNull, double jitter, double random) =>
        Bound(isNull && forNull < wanted ? forNull : wanted) * (1 - (jitter * random));

    private static TimeSpan Bound(TimeSpan time) => time < TimeSpan.Zero ? TimeSpan.Zero : time > Longest ? Longest : time;

    private static TimeSpan? Bound(TimeSpan? time) => time is { } given ? Bound(given) : null;
}

/// <summary>
/// XFetch (Vattani, Chierichetti, Lowenstein: Optimal Probabilistic Cache Stampede Prevention, VLDB 2015): a read at remaining life r refreshes the value
/// with probability e^(-r / δβ), δ being the measured load time.
/// </summary>
internal static class EarlyRefresh
{
    /// <summary>Beyond this many δβ before expiry the probability is below 3·10⁻⁹: no dice are thrown.</summary>
    public const double Horizon = 20;

    /// <param name="remaining">Life left, in the unit of <paramref name="delta"/>.</param>
    /// <param name="delta">How long the value took to load.</param>
    /// <param name="beta">Above 1 earlier, below 1 later, 0 never.</param>
    /// <param name="random">Uniform in [0, 1).</param>
    public static bool IsDue(double remaining, double delta, double beta, double random) => -delta * beta * Math.Log(1 - random) >= remaining;
}
