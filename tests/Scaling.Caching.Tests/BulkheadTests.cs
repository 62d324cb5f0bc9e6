using Microsoft.Extensions.Time.Testing;

namespace Scaling.Caching.Tests;

/// <summary>Loads are bounded in number, whatever becomes of them.</summary>
public class BulkheadTests
{
    private int _running;
    private int _most;

    [Fact]
    public async Task Loads_beyond_the_bound_are_shed_with_the_typed_exception()
    {
        await using CacheAside cache = Caches.Local(o => (o.MaxConcurrentLoads, o.LoadQueueTimeout) = (2, TimeSpan.Zero));
        var source = new Source { Hold = new() };
        Task<CacheResult<string>>[] calls = [.. Enumerable.Range(0, 5).Select(i => cache.GetOrLoadAsync("k" + i, source.LoadAsync).AsTask())];
        foreach (Task call in calls[2..])
        {
            CacheLoadShedException shed = await Assert.ThrowsAsync<CacheLoadShedException>(() => call);
            Assert.Contains("MaxConcurrentLoads", shed.Message, StringComparison.Ordinal);
        }

        source.Hold.SetResult();
        Assert.All(await Task.WhenAll(calls[..2]), result => Assert.Equal("v1", result.Value));
        Assert.Equal(2, source.Loads);
    }

    [Fact]
    public async Task Loads_beyond_the_bound_are_answered_stale_at_once_where_a_value_is_at_hand()
    {
        FakeTimeProvider clock = Caches.Clock();
        await using CacheAside cache = Caches.Local(o => (o.MaxConcurrentLoads, o.Expiration) = (1, Caches.Seconds(100)), clock);
        var source = new Source();
        await cache.GetOrLoadAsync("k", source.LoadAsync);
        clock.Advance(Caches.Seconds(101));
        source.Hold = new();
        Task<CacheResult<string>> takesThePlace = cache.GetOrLoadAsync("other", source.LoadAsync).AsTask();

        CacheResult<string> stale = await cache.GetOrLoadAsync("k", source.LoadAsync);

        Assert.Equal((CacheStatus.Stale, "v1"), (stale.Status, stale.Value));
        source.Hold.SetResult();
        await takesThePlace;
        Assert.Equal(2, source.Loads);
    }

    [Fact]
    public async Task A_load_waits_for_its_turn()
    {
        await using CacheAside cache = Caches.Local(o => (o.MaxConcurrentLoads, o.LoadQueueTimeout) = (3, Until.Patience));

        await Task.WhenAll(Enumerable.Range(0, 200).Select(i => cache.GetOrLoadAsync("k" + i, async _ => await CountedAsync(i)).AsTask()));

        Assert.InRange(_most, 1, 3);
        Assert.Equal(0, _running);
    }

    // every way a load can end gives its place back exactly once: too few and it ends up shedding everything, too many and the bound is gone
    [Fact]
    public async Task No_place_is_lost_or_won_whatever_becomes_of_the_loads()
    {
        await using CacheAside cache = Caches.Local(o => (o.MaxConcurrentLoads, o.LoadQueueTimeout, o.LoadTimeout) = (4, Until.Patience, TimeSpan.FromMilliseconds(5)));
        await Task.WhenAll(Enumerable.Range(0, 400).Select(async i =>
        {
            using var leaves = new CancellationTokenSource();
            ValueTask<CacheResult<int>> call = cache.GetOrLoadAsync("k" + i, token => (i % 5) switch
            {
                0 => CountedAsync(i),
                1 => throw new IOException("at once"),
                2 => FailingAsync(),
                3 => CancelledAsync(token),
                _ => TooLongAsync(),
            }, cancellationToken: leaves.Token);
            if (i % 5 == 3)
            {
                await leaves.CancelAsync();
            }

            try
            {
                await call;
            }
            catch (Exception exception) when (exception is IOException or OperationCanceledException or TimeoutException)
            {
                // as meant
            }
        }));
        Assert.InRange(_most, 1, 4);
        await Until.TrueAsync(() => Volatile.Read(ref _running) == 0, "all loads ended");

        await using CacheAside fresh = Caches.Local(o => (o.MaxConcurrentLoads, o.LoadQueueTimeout) = (4, TimeSpan.Zero));
        await FourAtOnceAndNoMoreAsync(fresh);
        await FourAtOnceAndNoMoreAsync(cache);

        async Task FourAtOnceAndNoMoreAsync(CacheAside cache)
        {
            _most = 0;
            var hold = new TaskCompletionSource();
            int started = 0;
            Task<CacheResult<int>>[] calls = [.. Enumerable.Range(0, 5).Select(i => cache.GetOrLoadAsync($"{i}:end", async _ =>
            {
                Interlocked.Increment(ref started);
                await hold.Task;
                return i;
            }).AsTask())];
            await Until.TrueAsync(() => Volatile.Read(ref started) >= 4, "four places are free");
            await Task.Delay(1);
            Assert.Equal(4, Volatile.Read(ref started));
            hold.SetResult();
            await Task.WhenAny(Task.WhenAll(calls));
        }
    }

    private async Task<int> CountedAsync(int value)
    {
        int running = Interlocked.Increment(ref _running);
        InterlockedMax(ref _most, running);
        await Task.Yield();
        Interlocked.Decrement(ref _running);
        return value;
    }

    private async Task<int> FailingAsync()
    {
        await CountedAsync(0);
        throw new IOException("later");
    }

    private async Task<int> CancelledAsync(CancellationToken token)
    {
        int running = Interlocked.Increment(ref _running);
        InterlockedMax(ref _most, running);
        try
        {
            await Task.Delay(Timeout.Infinite, token);
            return 0;
        }
        finally
        {
            Interlocked.Decrement(ref _running);
        }
    }

    private async Task<int> TooLongAsync()
    {
        int running = Interlocked.Increment(ref _running);
        InterlockedMax(ref _most, running);
        await Task.Delay(20);
        Interlocked.Decrement(ref _running);
        return 0;
    }

    private static void InterlockedMax(ref int most, int value)
    {
        for (int seen = Volatile.Read(ref most); value > seen;)
        {
            int was = Interlocked.CompareExchange(ref most, value, seen);
            if (was == seen)
            {
                return;
            }

            seen = was;
        }
    }
}
