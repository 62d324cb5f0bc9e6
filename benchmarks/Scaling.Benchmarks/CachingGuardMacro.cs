using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using LocalServices;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Hybrid;
using Polly;
using Polly.CircuitBreaker;
using Scaling.Caching;
using ZiggyCreatures.Caching.Fusion;

namespace Scaling.Benchmarks;

/// <summary>What the guard adds to a call of L2 while it is closed, and what a call costs while it is open.</summary>
internal sealed class CachingGuardMacro : IMacro
{
    private const int Rounds = 40;
    private const int Calls = 5_000;
    private static readonly HybridCacheEntryOptions s_onlyL2 = new() { Flags = HybridCacheEntryFlags.DisableLocalCache | HybridCacheEntryFlags.DisableUnderlyingData };

    public string Name => "caching-guard";

    public async Task RunAsync()
    {
        Console.WriteLine("\n| The guard, best of 40 rounds | ns | bytes |\n|---|--:|--:|");
        foreach (bool yields in new[] { false, true })
        {
            string kind = yields ? "an L2 that answers later" : "an L2 that answers at once";
            await using CacheAside guarded = await CacheOverAsync(new InMemory(yields), new CacheAsideOptions());
            await using CacheAside bare = await CacheOverAsync(new InMemory(yields), new CacheAsideOptions { RemoteTimeout = Timeout.InfiniteTimeSpan });
            await PrintAsync(
                ($"read of {kind}, no guard", () => bare.GetOrCreateAsync("k", Fail, s_onlyL2)),
                ($"read of {kind}, **guard closed**", () => guarded.GetOrCreateAsync("k", Fail, s_onlyL2)));
        }

        await using LocalRedis redis = await LocalRedis.StartAsync();
        await using var peers = new CachingPeers(redis.ConnectionString);
        await peers.FusionGuarded.SetAsync("k", "v");
        await peers.Ours.SetAsync("k", "v");
        await using var noL2 = new CacheAside(CacheBackend.None, new CacheAsideOptions());
        await redis.KillAsync();
        for (int i = 0; i < 20; i++)
        {
            await peers.Ours.GetOrCreateAsync($"open{i}", static _ => new ValueTask<string>("v"));
            await peers.FusionGuarded.GetOrSetAsync<string>($"open{i}", static (_, _) => Task.FromResult("v"));
        }

        var pastMemory = new FusionCacheEntryOptions(CachingPeers.Life) { SkipMemoryCacheRead = true, SkipMemoryCacheWrite = true };
        ResiliencePipeline open = OpenPolly();
        await PrintAsync(
            ("read without an L2", () => noL2.GetOrCreateAsync("k", Fail, s_onlyL2)),
            ("read with the **guard open**", () => peers.Ours.GetOrCreateAsync("k", Fail, s_onlyL2)),
            ("read of FusionCache with its circuit breaker open", () => peers.FusionGuarded.GetOrDefaultAsync<string>("k", options: pastMemory)),
            ("Polly's circuit breaker alone, open, caught", () => CaughtAsync(open)));
    }

    private static async Task<CacheAside> CacheOverAsync(IDistributedCache l2, CacheAsideOptions options)
    {
        var cache = new CacheAside(CacheBackend.Distributed(l2), options);
        await cache.SetAsync("k", "v");
        return cache;
    }

    private static async Task PrintAsync(params (string Name, Func<ValueTask<string?>> Call)[] cases)
    {
        var best = new (double Time, double Bytes)[cases.Length];
        for (int round = 0; round < Rounds; round++)
        {
            for (int one = 0; one < cases.Length; one++)
            {
                Func<ValueTask<string?>> call = cases[one].Call;
                long bytes = GC.GetTotalAllocatedBytes(precise: true);
                long started = Stopwatch.GetTimestamp();
                for (int i = 0; i < Calls; i++)
                {
                    await call();
                }

                double time = Stopwatch.GetElapsedTime(started).TotalNanoseconds / Calls;
                double allocated = (GC.GetTotalAllocatedBytes(precise: true) - bytes) / (double)Calls;
                best[one] = round == 0 ? (time, allocated) : (Math.Min(best[one].Time, time), Math.Min(best[one].Bytes, allocated));
            }
        }

        for (int one = 0; one < cases.Length; one++)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {cases[one].Name} | {best[one].Time:#,0} | {best[one].Bytes:0} |"));
        }
    }

    private static ResiliencePipeline OpenPolly()
    {
        var control = new CircuitBreakerManualControl(isIsolated: true);
        return new ResiliencePipelineBuilder().AddCircuitBreaker(new CircuitBreakerStrategyOptions { ManualControl = control }).Build();
    }

    private static async ValueTask<string?> CaughtAsync(ResiliencePipeline pipeline)
    {
        try
        {
            return await pipeline.ExecuteAsync(static _ => new ValueTask<string?>("v"));
        }
        catch (BrokenCircuitException)
        {
            return null;
        }
    }

    private static ValueTask<string?> Fail(CancellationToken token) => throw new InvalidOperationException("It is in L2, or nowhere.");

    /// <summary>An L2 that costs nothing itself.</summary>
    private sealed class InMemory(bool yields) : IBufferDistributedCache
    {
        private readonly System.Collections.Concurrent.ConcurrentDictionary<string, byte[]> _values = new();

        public async ValueTask<bool> TryGetAsync(string key, IBufferWriter<byte> destination, CancellationToken token = default)
        {
            if (yields)
            {
                await Task.Yield();
            }

            if (!_values.TryGetValue(key, out byte[]? found))
            {
                return false;
            }

            destination.Write(found);
            return true;
        }

        public ValueTask SetAsync(string key, ReadOnlySequence<byte> value, DistributedCacheEntryOptions options, CancellationToken token = default)
        {
            _values[key] = value.ToArray();
            return default;
        }

        public Task<byte[]?> GetAsync(string key, CancellationToken token = default) => Task.FromResult(_values.GetValueOrDefault(key));

        public Task SetAsync(string key, byte[] value, DistributedCacheEntryOptions options, CancellationToken token = default)
        {
            _values[key] = value;
            return Task.CompletedTask;
        }

        public bool TryGet(string key, IBufferWriter<byte> destination) => throw new NotSupportedException();

        public void Set(string key, ReadOnlySequence<byte> value, DistributedCacheEntryOptions options) => throw new NotSupportedException();

        public byte[]? Get(string key) => throw new NotSupportedException();

        public void Set(string key, byte[] value, DistributedCacheEntryOptions options) => throw new NotSupportedException();

        public void Refresh(string key) => throw new NotSupportedException();

        public Task RefreshAsync(string key, CancellationToken token = default) => throw new NotSupportedException();

        public void Remove(string key) => throw new NotSupportedException();

        public Task RemoveAsync(string key, CancellationToken token = default) => throw new NotSupportedException();
    }
}
