using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using LocalServices;

namespace Scaling.Benchmarks;

/// <summary>Redis hangs under traffic: forty callers ask for cold keys, a load takes 5 ms; what do they wait for?</summary>
internal sealed class CachingPausedMacro : IMacro
{
    private const int Callers = 40;
    private static readonly TimeSpan Traffic = TimeSpan.FromSeconds(12);
    private static readonly TimeSpan Load = TimeSpan.FromMilliseconds(5);

    public string Name => "caching-paused";

    public async Task RunAsync()
    {
        Console.WriteLine($"\n| {Callers} callers of cold keys for {Traffic.TotalSeconds} s, Redis paused from the 2nd second to the 7th | served | worst | waited > 200 ms | those over 50 ms waited in all | failed |\n|---|--:|--:|--:|--:|--:|");
        await MeasureAsync("HybridCache", static (peers, key) => peers.Hybrid.GetOrCreateAsync(key, LoadAsync).AsTask());
        await MeasureAsync("FusionCache, defaults", static (peers, key) => peers.Fusion.GetOrSetAsync<string>(key, async (_, token) => await LoadAsync(token)).AsTask());
        await MeasureAsync(
            "FusionCache, 250 ms timeouts, background writes, breaker 30 s",
            static (peers, key) => peers.FusionGuarded.GetOrSetAsync<string>(key, async (_, token) => await LoadAsync(token)).AsTask());
        await MeasureAsync("**CacheAside**", static (peers, key) => peers.Ours.GetOrCreateAsync(key, LoadAsync).AsTask());
    }

    private static async Task MeasureAsync(string name, Func<CachingPeers, string, Task> call)
    {
        await using LocalRedis redis = await LocalRedis.StartAsync();
        await using var peers = new CachingPeers(redis.ConnectionString);
        for (int i = 0; i < 200; i++)
        {
            await call(peers, $"warm{i}");
        }

        var waits = new ConcurrentBag<TimeSpan>();
        int failed = 0;
        long started = Stopwatch.GetTimestamp();
        Task traffic = Task.WhenAll(Enumerable.Range(0, Callers).Select(caller => Task.Run(async () =>
        {
            for (int i = 0; Stopwatch.GetElapsedTime(started) < Traffic; i++)
            {
                long asked = Stopwatch.GetTimestamp();
                try
                {
                    await call(peers, $"{caller}:{i}");
                }
                catch (Exception)
                {
                    Interlocked.Increment(ref failed);
                }

                waits.Add(Stopwatch.GetElapsedTime(asked));
                await Task.Delay(5);
            }
        })));
        await Task.Delay(TimeSpan.FromSeconds(2));
        redis.Pause();
        await Task.Delay(TimeSpan.FromSeconds(5));
        redis.Resume();
        await traffic;
        double waited = waits.Where(static wait => wait > TimeSpan.FromMilliseconds(50)).Sum(static wait => wait.TotalSeconds);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"| {name} | {waits.Count:#,0} | {waits.Max().TotalMilliseconds:#,0} ms | {waits.Count(wait => wait > TimeSpan.FromMilliseconds(200)):#,0} | {waited:#,0.0} s | {failed} |"));
    }

    private static async ValueTask<string> LoadAsync(CancellationToken token)
    {
        await Task.Delay(Load, token);
        return "v";
    }
}
