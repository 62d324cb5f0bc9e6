using System.Diagnostics;
using System.Globalization;
using LocalServices;
using Microsoft.Extensions.Caching.Hybrid;
using Polly;
using Polly.CircuitBreaker;
using Scaling.Caching;
using Scaling.Caching.Internal;
using ZiggyCreatures.Caching.Fusion;

namespace Scaling.Benchmarks;

/// <summary>What the guard adds to a call of L2 while it is closed, and what a call costs while it is open.</summary>
internal sealed class CachingGuardMacro : IMacro
{
    private const int Rounds = 200;
    private const int Calls = 5_000;
    private static readonly HybridCacheEntryOptions s_onlyL2 = new() { Flags = HybridCacheEntryFlags.DisableLocalCache | HybridCacheEntryFlags.DisableUnderlyingData };

    public string Name => "caching-guard";

    public async Task RunAsync()
    {
        Console.WriteLine("\n| The guard, best of 200 rounds | ns | bytes |\n|---|--:|--:|");
        var guard = new Guard("node", new CacheGuardOptions(), TimeProvider.System, static _ => false);
        guard.TryClose(guard.Losses);
        ResiliencePipeline breaker = new ResiliencePipelineBuilder().AddCircuitBreaker(new CircuitBreakerStrategyOptions()).Build();
        ResiliencePipeline both = new ResiliencePipelineBuilder().AddCircuitBreaker(new CircuitBreakerStrategyOptions()).AddTimeout(TimeSpan.FromMilliseconds(250)).Build();
        Task<string?> done = Task.FromResult<string?>("v");
        await PrintAsync(
            ("a call that answers at once, bare", async () => await done),
            ("a call that answers at once, **guard closed**", async () => (await guard.RunAsync(done, static done => done)).Value),
            ("a call that answers at once, Polly's circuit breaker closed", () => breaker.ExecuteAsync(static async (done, _) => await done, done)),
            ("a call that answers later, bare", async () => await LaterAsync()),
            ("a call that answers later, **guard closed**", async () => (await guard.RunAsync(0, static _ => LaterAsync())).Value),
            ("a call that answers later, Polly's circuit breaker closed", () => breaker.ExecuteAsync(static async _ => await LaterAsync())),
            ("a call that answers later, Polly's timeout and circuit breaker closed", () => both.ExecuteAsync(static async _ => await LaterAsync())));

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

    private static async Task<string?> LaterAsync()
    {
        await Task.Yield();
        return "v";
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
}
