using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;

namespace Scaling.Caching.Tests;

/// <summary>Code written against HybridCache does not notice the difference.</summary>
public class HybridCacheTests(Servers servers)
{
    private readonly Source _source = new();

    public sealed record Doing(int Kind, int Key, int Tag, HybridCacheEntryFlags Flags);

    // the same calls on the stock implementation and on ours, in memory: the same values, the same number of loads
    [Property(Arbitrary = [typeof(Calls)], MaxTest = 60)]
    public async Task It_answers_as_the_stock_one_does(Doing[] calls)
    {
        await using ServiceProvider services = new ServiceCollection().AddHybridCache().Services.BuildServiceProvider();
        await using CacheAside cache = Caches.Local();
        Assert.Equal(await RunAsync(services.GetRequiredService<HybridCache>()), await RunAsync(cache));

        async Task<List<string?>> RunAsync(HybridCache cache)
        {
            var answers = new List<string?>();
            int loads = 0;
            foreach (Doing call in calls)
            {
                string key = $"k{call.Key}";
                var options = new HybridCacheEntryOptions { Flags = call.Flags };
                string[] tags = [$"t{call.Tag}", "both"];
                switch (call.Kind)
                {
                    case 0:
                        await cache.SetAsync(key, $"set {answers.Count}", tags: tags);     // without flags: the stock one leaves the older value in memory
                        break;
                    case 1:
                        await cache.RemoveAsync(key);
                        break;
                    case 2:
                        await cache.RemoveByTagAsync(call.Tag == 0 ? "*" : $"t{call.Tag}");
                        break;
                    case 3:
                        await cache.RemoveAsync([key, "k0"]);
                        break;
                    default:
                        answers.Add(await cache.GetOrCreateAsync(key, _ => ValueTask.FromResult($"loaded {++loads}"), options, tags));
                        break;
                }
            }

            return answers;
        }
    }

    [Fact]
    public async Task A_forced_refresh_loads_and_replaces_the_value_on_all_levels()
    {
        string prefix = servers.NewPrefix();
        await using CacheAside a = await servers.NodeAsync(prefix);
        await using CacheAside b = await servers.NodeAsync(prefix);
        await a.SetAsync("k", "v0");
        var refresh = new HybridCacheEntryOptions { Flags = HybridCacheEntryFlags.DisableLocalCacheRead | HybridCacheEntryFlags.DisableDistributedCacheRead };

        CacheResult<string> refreshed = await a.GetOrLoadAsync("k", _source.LoadAsync, refresh);

        Assert.Equal(("v1", CacheStatus.Bypass), (refreshed.Value, refreshed.Status));
        Assert.Equal((CacheStatus.HitLocal, "v1"), await ReadAsync(a));
        await Until.TrueAsync(async () => await ReadAsync(b, Caches.PastMemory) is (CacheStatus.HitDistributed, "v1"), "the other node has the new value from Redis");
        Assert.Equal(1, _source.Loads);
    }

    [Fact]
    public async Task Flags_keep_a_call_from_the_levels_they_name()
    {
        string prefix = servers.NewPrefix();
        await using CacheAside a = await servers.NodeAsync(prefix);
        await using CacheAside b = await servers.NodeAsync(prefix);

        Assert.Equal((CacheStatus.Miss, null), await ReadAsync(a, With(HybridCacheEntryFlags.DisableUnderlyingData)));
        Assert.Equal(0, _source.Loads);

        Assert.Equal((CacheStatus.Bypass, "v1"), await ReadAsync(a, With(HybridCacheEntryFlags.DisableDistributedCache)));
        Assert.Equal((CacheStatus.HitLocal, "v1"), await ReadAsync(a));
        Assert.Equal((CacheStatus.Miss, "v1"), await ReadAsync(b, With(HybridCacheEntryFlags.DisableDistributedCacheWrite)));      // Redis was never told
        Assert.Equal((CacheStatus.Miss, null), await ReadAsync(b, With(HybridCacheEntryFlags.DisableLocalCacheRead | HybridCacheEntryFlags.DisableUnderlyingData)));

        await a.SetAsync("j", "here", With(HybridCacheEntryFlags.DisableDistributedCache));
        await b.SetAsync("j", "there", With(HybridCacheEntryFlags.DisableDistributedCache));
        Assert.Equal((CacheStatus.HitLocal, "here"), await ReadAsync(a, key: "j"));      // a set of one node is no matter of the other
        Assert.Equal((CacheStatus.HitLocal, "there"), await ReadAsync(b, key: "j"));

        await a.SetAsync("m", "shared", With(HybridCacheEntryFlags.DisableLocalCacheWrite));
        Assert.Equal((CacheStatus.HitDistributed, "shared"), await ReadAsync(a, With(HybridCacheEntryFlags.DisableLocalCacheWrite), "m"));
        Assert.Equal((CacheStatus.HitDistributed, "shared"), await ReadAsync(a, key: "m"));
        Assert.Equal((CacheStatus.HitLocal, "shared"), await ReadAsync(a, key: "m"));

        static HybridCacheEntryOptions With(HybridCacheEntryFlags flags) => new() { Flags = flags };
    }

    [Fact]
    public async Task After_LocalCacheExpiration_L2_is_asked_again()
    {
        string prefix = servers.NewPrefix();
        await using CacheAside a = await servers.NodeAsync(prefix);
        await a.SetAsync("k", "v", new HybridCacheEntryOptions { Expiration = TimeSpan.FromMinutes(1), LocalCacheExpiration = TimeSpan.Zero });

        Assert.Equal((CacheStatus.HitDistributed, "v"), await ReadAsync(a));
    }

    private async Task<(CacheStatus Status, string Value)> ReadAsync(CacheAside cache, HybridCacheEntryOptions? options = null, string key = "k")
    {
        CacheResult<string> result = await cache.GetOrLoadAsync(key, _source.LoadAsync, options);
        return (result.Status, result.Value);
    }

    public static class Calls
    {
        public static Arbitrary<Doing[]> Arbitrary()
        {
            Gen<HybridCacheEntryFlags> flags = Gen.Frequency(
                (6, Gen.Constant(HybridCacheEntryFlags.None)),
                (1, Gen.Constant(HybridCacheEntryFlags.DisableLocalCacheRead)),
                (1, Gen.Constant(HybridCacheEntryFlags.DisableLocalCacheWrite)),
                (1, Gen.Constant(HybridCacheEntryFlags.DisableUnderlyingData)));
            Gen<Doing> one = from kind in Gen.Choose(0, 9) from key in Gen.Choose(0, 2) from tag in Gen.Choose(0, 2) from flag in flags select new Doing(kind, key, tag, flag);
            return one.ListOf().Select(calls => calls.ToArray()).ToArbitrary();
        }
    }
}
