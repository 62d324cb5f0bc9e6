using Microsoft.Extensions.Time.Testing;
using Scaling.Caching.Internal;

namespace Scaling.Caching.Tests;

/// <summary>A real Redis that hangs again as soon as it has recovered, on a clock that the test moves.</summary>
public sealed class FlappingTests(Servers servers) : IAsyncLifetime
{
    private static readonly TimeSpan Timeout = TimeSpan.FromMilliseconds(100);

    private readonly FakeTimeProvider _clock = Caches.Clock();
    private int _reads;

    public ValueTask InitializeAsync() => default;

    public ValueTask DisposeAsync()
    {
        servers.Redis.Resume();
        return default;
    }

    [Fact]
    public async Task A_node_that_falls_again_and_again_is_probed_ever_more_slowly_until_it_has_been_calm()
    {
        await using CacheAside cache = await servers.NodeAsync(
            configure: o => (o.Guard.Timeout, o.Guard.ConsecutiveFaults) = (Timeout, 1), time: _clock);
        var guard = new CacheGuardOptions();
        TimeSpan pause = guard.ProbeInterval;
        for (int fall = 0; fall < 6; fall++)
        {
            await FallAsync(cache);
            await StaysOpenAsync(cache);
            _clock.Advance(pause * 0.74);       // a pause is jittered by a quarter
            await StaysOpenAsync(cache);
            await LinkedWithinAsync(cache, steps: 10, step: pause * 0.52);
            pause = pause * 2 < guard.MaxProbeInterval ? pause * 2 : guard.MaxProbeInterval;
        }

        _clock.Advance(TimeSpan.FromSeconds(11));
        await FallAsync(cache);
        await LinkedWithinAsync(cache, steps: 3, step: guard.ProbeInterval * 1.26);      // 1 s at most, where the damped pause would be 1.5 s
    }

    /// <summary>Moves the clock only while Redis has been given the time to answer.</summary>
    private async Task LinkedWithinAsync(CacheAside cache, int steps, TimeSpan step)
    {
        Task linked = Until.LinkedAsync(cache);
        while (steps-- > 0 && !linked.IsCompleted)
        {
            _clock.Advance(step);
            await Task.WhenAny(linked, Task.Delay(Until.Patience / 8));
        }

        await linked;
    }

    /// <summary>Redis hangs until the guard is open, and not a moment longer.</summary>
    private async Task FallAsync(CacheAside cache)
    {
        servers.Redis.Pause();
        Task<CacheResult<int>> read = cache.GetOrLoadAsync($"k{_reads++}", _ => Task.FromResult(1)).AsTask();
        for (int i = 0; i <= Watchdog.Sweeps; i++)
        {
            _clock.Advance(Timeout / Watchdog.Sweeps);
        }

        await read.WaitAsync(Until.Patience);
        await Until.OpenAsync(cache);
        servers.Redis.Resume();
    }

    private async Task StaysOpenAsync(CacheAside cache)
    {
        for (int i = 0; i < 25; i++)        // round trips, more than a probe would need
        {
            await servers.Redis.CommandAsync(["ECHO", "up"]);
        }

        Assert.Equal(GuardState.Open, cache.Remote!.State);
    }
}
