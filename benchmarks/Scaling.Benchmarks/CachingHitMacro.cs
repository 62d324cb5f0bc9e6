using System.Diagnostics;
using System.Globalization;
using BitFaster.Caching;
using BitFaster.Caching.Lru;
using LocalServices;
using Microsoft.Extensions.Caching.Memory;
using Scaling.Caching;

namespace Scaling.Benchmarks;

/// <summary>A hit in memory, ours beside the peers, taken in turn round after round, best round of each: ratios that hold on a busy machine.</summary>
internal sealed class CachingHitMacro : IMacro
{
    private const int Rounds = 40;
    private const int Hits = 20_000;
    private static readonly string[] s_tags = ["users", "team:1"];

    public string Name => "caching-hit";

    public async Task RunAsync()
    {
        await using LocalRedis redis = await LocalRedis.StartAsync();
        await using var peers = new CachingPeers(redis.ConnectionString);
        await peers.Ours.InvalidateAsync("linked");
        foreach (int threads in new[] { 1, 8 })
        {
            Console.WriteLine($"\nA hit in memory, {threads} thread{(threads == 1 ? "" : "s on " + Environment.ProcessorCount + " cores")}: ns and bytes per hit, x HybridCache\n");
            Console.WriteLine("| | string | immutable record | class that can change | string, two tags |\n|---|--:|--:|--:|--:|");
            (string Name, Action<int> Run)[][] kinds = [
                Cases(peers, "string", "Ada", tags: null),
                Cases(peers, "record", new CachedRecord(42, "Ada", "ada@example.org"), tags: null),
                Cases(peers, "class", new CachedClass { Id = 42, Name = "Ada", Email = "ada@example.org" }, tags: null),
                Cases(peers, "tags", "Ada", s_tags)];
            var best = new (double Time, double Bytes)[kinds[0].Length, kinds.Length];
            for (int round = 0; round < Rounds; round++)
            {
                for (int row = 0; row < kinds[0].Length; row++)
                {
                    for (int kind = 0; kind < kinds.Length; kind++)
                    {
                        (double time, double bytes) = Measure(kinds[kind][row].Run, threads);
                        best[row, kind] = round == 0 ? (time, bytes) : (Math.Min(best[row, kind].Time, time), Math.Min(best[row, kind].Bytes, bytes));
                    }
                }
            }

            for (int row = 0; row < kinds[0].Length; row++)
            {
                Console.WriteLine($"| {kinds[0][row].Name} | " + string.Join(" | ", kinds.Select((_, kind) => string.Create(
                    CultureInfo.InvariantCulture, $"{best[row, kind].Time:0} ns, {best[row, kind].Bytes:0} B ({best[row, kind].Time / best[2, kind].Time:0.00})"))) + " |");
            }
        }
    }

    private static (double Nanoseconds, double Bytes) Measure(Action<int> run, int threads)
    {
        long bytes = GC.GetTotalAllocatedBytes(precise: true);
        long started = Stopwatch.GetTimestamp();
        if (threads == 1)
        {
            run(Hits);
        }
        else
        {
            Thread[] all = [.. Enumerable.Range(0, threads).Select(_ => new Thread(() => run(Hits)))];
            Array.ForEach(all, thread => thread.Start());
            Array.ForEach(all, thread => thread.Join());
        }

        TimeSpan elapsed = Stopwatch.GetElapsedTime(started);
        bytes = GC.GetTotalAllocatedBytes(precise: true) - bytes;
        return (elapsed.TotalNanoseconds / Hits / threads, bytes / (double)Hits / threads);
    }

    private static (string Name, Action<int> Run)[] Cases<T>(CachingPeers peers, string key, T value, string[]? tags)
        where T : class
    {
        var memory = new MemoryCache(new MemoryCacheOptions());
        IAsyncCache<string, T> lru = new ConcurrentLruBuilder<string, T>().WithAtomicGetOrAdd().AsAsyncCache().WithCapacity(1_000).WithExpireAfterWrite(CachingPeers.Life).Build();
        return [
            ("MemoryCache", n =>
            {
                for (int i = 0; i < n; i++)
                {
                    Expect(memory.GetOrCreateAsync(key, _ => Task.FromResult(value)));
                }
            }),
            ("BitFaster ConcurrentLru", n =>
            {
                for (int i = 0; i < n; i++)
                {
                    Expect(lru.GetOrAddAsync(key, _ => Task.FromResult(value)));
                }
            }),
            ("HybridCache", n =>
            {
                for (int i = 0; i < n; i++)
                {
                    Expect(peers.Hybrid.GetOrCreateAsync(key, value, static (value, _) => new ValueTask<T>(value), options: null, tags));
                }
            }),
            ("FusionCache", n =>
            {
                for (int i = 0; i < n; i++)
                {
                    Expect(peers.Fusion.GetOrSetAsync<T>(key, (_, _) => Task.FromResult(value), tags: tags));
                }
            }),
            ("**CacheAside.GetOrCreateAsync**", n =>
            {
                for (int i = 0; i < n; i++)
                {
                    Expect(peers.Ours.GetOrCreateAsync(key, value, static (value, _) => new ValueTask<T>(value), options: null, tags));
                }
            }),
            ("**CacheAside.GetOrLoadAsync**", n =>
            {
                for (int i = 0; i < n; i++)
                {
                    ValueTask<CacheResult<T>> result = peers.Ours.GetOrLoadAsync(key, value, static (value, _, _) => new ValueTask<T>(value), options: null, tags);
                    _ = result.IsCompletedSuccessfully ? result.Result : result.AsTask().GetAwaiter().GetResult();
                }
            }),
        ];
    }

    private static void Expect<T>(ValueTask<T> value) => _ = value.IsCompletedSuccessfully ? value.Result : value.AsTask().GetAwaiter().GetResult();

    private static void Expect<T>(Task<T?> value) => _ = value.IsCompletedSuccessfully ? value.Result : value.GetAwaiter().GetResult();
}
