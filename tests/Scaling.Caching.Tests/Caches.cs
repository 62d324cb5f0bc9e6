using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.Time.Testing;

namespace Scaling.Caching.Tests;

/// <summary>Caches without L2 and without dice, on a clock that the test moves.</summary>
internal static class Caches
{
    public static readonly HybridCacheEntryOptions PastMemory = new() { Flags = HybridCacheEntryFlags.DisableLocalCache };

    public static CacheAside Local(Action<CacheAsideOptions>? configure = null, TimeProvider? time = null, IServiceProvider? services = null)
    {
        var options = new CacheAsideOptions { Jitter = 0, EarlyRefresh = 0 };
        configure?.Invoke(options);
        return new CacheAside(CacheBackend.None, options, time, services);
    }

    public static FakeTimeProvider Clock() => new(DateTimeOffset.UnixEpoch.AddYears(50));

    public static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);
}
