using System.Diagnostics;
using System.Globalization;
using LocalServices;
using Microsoft.Extensions.Caching.Hybrid;
using StackExchange.Redis;
using ZiggyCreatures.Caching.Fusion;

namespace Scaling.Benchmarks;

/// <summary>A hit in Redis, a miss, and a thousand callers of one cold key, ours beside the peers over one real Redis.</summary>
internal sealed class CachingRemoteMacro : IMacro
{
    private const int Rounds = 40;
    private const int Calls = 500;
    private static readonly CachedRecord s_value = new(42, "Ada", "ada@example.org");
    private static readonly HybridCacheEntryOptions s_pastMemory = new() { Flags = HybridCacheEntryFlags.DisableLocalCache };

    public string Name => "caching-remote";

    public async Task RunAsync()
    {
        await using LocalRedis redis = await LocalRedis.StartAsync();
        await using var peers = new CachingPeers(redis.ConnectionString);
        await using ConnectionMultiplexer bare = await ConnectionMultiplexer.ConnectAsync(redis.ConnectionString);
        await peers.Ours.InvalidateAsync("linked");
        await HitsAndMissesAsync(peers, bare.GetDatabase());
        await CrowdAsync(peers);
    }

    private static async Task HitsAndMissesAsync(CachingPeers peers, IDatabase redis)
    {
        var pastMemory = new FusionCacheEntryOptions(CachingPeers.Life) { SkipMemoryCacheRead = true, SkipMemoryCacheWrite = true };
        await redis.StringSetAsync("bare", new byte[120]);
        await peers.Hybrid.SetAsync("k", s_value);
        await peers.Fusion.SetAsync("k", s_value);
        await peers.Ours.SetAsync("k", s_value);
        int cold = 0;
        (string Name, Func<Task> Call)[] cases = [
            ("hit: bare StringGetAsync", () => redis.StringGetAsync("bare")),
            ("hit: HybridCache", async () => await peers.Hybrid.GetOrCreateAsync("k", Fail, s_pastMemory)),
            ("hit: FusionCache", async () => await peers.Fusion.GetOrDefaultAsync<CachedRecord>("k", options: pastMemory)),
            ("hit: **CacheAside**", async () => await peers.Ours.GetOrCreateAsync("k", Fail, s_pastMemory)),
            ("miss: HybridCache", async () => await peers.Hybrid.GetOrCreateAsync($"c{cold++}", Load)),
            ("miss: FusionCache", async () => await peers.Fusion.GetOrSetAsync<CachedRecord>($"c{cold++}", (_, _) => Task.FromResult(s_value))),
            ("miss: **CacheAside**", async () => await peers.Ours.GetOrCreateAsync($"c{cold++}", Load)),
        ];
        var best = new TimeSpan[cases.Length];
        var allocated = new long[cases.Length];
        for (int round = 0; round < Rounds; round++)
        {
            for (int one = 0; one < cases.Length; one++)
            {
                long bytes = GC.GetTotalAllocatedBytes(precise: true);
                long started = Stopwatch.GetTimestamp();
                for (int i = 0; i < Calls; i++)
                {
                    await cases[one].Call();
                }

                TimeSpan elapsed = Stopwatch.GetElapsedTime(started) / Calls;
                bytes = (GC.GetTotalAllocatedBytes(precise: true) - bytes) / Calls;
                (best[one], allocated[one]) = round == 0 ? (elapsed, bytes) : (elapsed < best[one] ? elapsed : best[one], Math.Min(allocated[one], bytes));
            }
        }

        Console.WriteLine("\n| Past memory, one caller, best of 40 rounds | µs | bytes |\n|---|--:|--:|");
        for (int one = 0; one < cases.Length; one++)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {cases[one].Name} | {best[one].TotalMicroseconds:0.0} | {allocated[one]:#,0} |"));
        }
    }

    private static async Task CrowdAsync(CachingPeers peers)
    {
        int loads = 0;
        async ValueTask<CachedRecord> Slow(CancellationToken token)
        {
            Interlocked.Increment(ref loads);
            await Task.Delay(50, token);
            return s_value;
        }

        Console.WriteLine("\n| A thousand callers of one cold key, a load takes 50 ms | loads | ms until all are served |\n|---|--:|--:|");
        (string Name, Func<string, Task> Call)[] cases = [
            ("HybridCache", async key => await peers.Hybrid.GetOrCreateAsync(key, Slow)),
            ("FusionCache", async key => await peers.Fusion.GetOrSetAsync<CachedRecord>(key, async (_, token) => await Slow(token))),
            ("**CacheAside**", async key => await peers.Ours.GetOrCreateAsync(key, Slow)),
        ];
        foreach ((string name, Func<string, Task> call) in cases)
        {
            double best = double.MaxValue;
            int most = 0;
            for (int round = 0; round < 10; round++)
            {
                loads = 0;
                string key = $"crowd{round}";
                long started = Stopwatch.GetTimestamp();
                await Task.WhenAll(Enumerable.Range(0, 1_000).Select(_ => Task.Run(() => call(key))));
                best = Math.Min(best, Stopwatch.GetElapsedTime(started).TotalMilliseconds);
                most = Math.Max(most, loads);
            }

            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {most} | {best:0} |"));
        }
    }

    private static ValueTask<CachedRecord> Load(CancellationToken token) => new(s_value);

    private static ValueTask<CachedRecord> Fail(CancellationToken token) => throw new InvalidOperationException("It is in Redis.");
}
