using System.Globalization;
using LocalServices;
using Scaling.Caching.Internal;

namespace Scaling.Caching.Tests;

/// <summary>Nodes that give up soon, over a Redis of the test's own, and what is asked of them.</summary>
internal static class Outage
{
    public static CacheAsideOptions Impatient(CacheAsideOptions options)
    {
        options.Guard.Timeout = TimeSpan.FromMilliseconds(400);
        return options;
    }

    public static CacheAside Node(CacheBackend backend, IServiceProvider? services = null, Action<CacheAsideOptions>? configure = null)
    {
        CacheAsideOptions options = Impatient(new CacheAsideOptions { KeyPrefix = "n:", Jitter = 0, EarlyRefresh = 0 });
        configure?.Invoke(options);
        return new CacheAside(backend, options, services: services);
    }

    public static async Task<string> PastMemoryAsync(CacheAside cache, Source source, string key = "k") =>
        await cache.GetOrCreateAsync<string>(key, async token => await source.LoadAsync(token), Caches.PastMemory);

    public static async Task StoreAsync(CacheAside cache, LocalRedis redis, Source source, string key, params string[] tags)
    {
        await cache.GetOrLoadAsync(key, source.LoadAsync, tags: tags);
        await Until.TrueAsync(async () => Length(await redis.CommandAsync(["STRLEN", $"n:v:{key}"])) > Envelope.LeaseLength, "the value is in Redis");
    }

    public static int Length(string answer) => int.Parse(answer, CultureInfo.InvariantCulture);
}
