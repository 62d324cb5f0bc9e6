using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.Time.Testing;

namespace Scaling.Caching.Tests;

/// <summary>Stale values, load timeouts, early refresh and the lifetimes of results.</summary>
public class FailSafeTests
{
    private readonly FakeTimeProvider _clock = Caches.Clock();
    private readonly Source _source = new();

    [Fact]
    public async Task When_loading_fails_an_expired_value_is_served_up_to_MaxStale_and_then_the_failure()
    {
        await using CacheAside cache = Caches.Local(o => (o.Expiration, o.MaxStale) = (Caches.Seconds(100), Caches.Seconds(50)), _clock);
        await cache.GetOrLoadAsync("k", _source.LoadAsync);
        _source.Fault = new IOException("away");

        _clock.Advance(Caches.Seconds(149.9));
        Assert.Equal((CacheStatus.Stale, "v1"), await ReadAsync(cache));
        _clock.Advance(Caches.Seconds(0.2));
        Assert.Same(_source.Fault, await Assert.ThrowsAsync<IOException>(() => ReadAsync(cache)));
        _source.Fault = null;
        Assert.Equal((CacheStatus.Miss, "v1"), await ReadAsync(cache));
    }

    [Fact]
    public async Task With_MaxStale_zero_nothing_stale_is_served()
    {
        await using CacheAside cache = Caches.Local(o => (o.Expiration, o.MaxStale) = (Caches.Seconds(100), TimeSpan.Zero), _clock);
        await cache.GetOrLoadAsync("k", _source.LoadAsync);
        _source.Fault = new IOException("away");
        _clock.Advance(Caches.Seconds(101));

        await Assert.ThrowsAsync<IOException>(() => ReadAsync(cache));
    }

    [Theory]
    [InlineData("key")]
    [InlineData("tag")]
    [InlineData("everything")]
    public async Task An_invalidated_value_is_never_served_stale(string how)
    {
        await using CacheAside cache = Caches.Local(time: _clock);
        await cache.GetOrLoadAsync("k", _source.LoadAsync, tags: ["t"]);
        _source.Fault = new IOException("away");
        await (how switch { "key" => cache.RemoveAsync("k"), "tag" => cache.RemoveByTagAsync("t"), _ => cache.RemoveByTagAsync("*") });

        await Assert.ThrowsAsync<IOException>(() => cache.GetOrLoadAsync("k", _source.LoadAsync, tags: ["t"]).AsTask());
    }

    [Fact]
    public async Task A_load_that_ignores_its_token_is_given_up_after_the_load_timeout_but_keeps_its_place()
    {
        await using CacheAside cache = Caches.Local(o => (o.LoadTimeout, o.MaxConcurrentLoads, o.LoadQueueTimeout) = (Caches.Seconds(3), 1, TimeSpan.Zero), _clock);
        var stuck = new TaskCompletionSource<string>();
        CancellationToken seen = default;
        Task<CacheResult<string>> call = cache.GetOrLoadAsync("k", token => { seen = token; return stuck.Task; }).AsTask();

        _clock.Advance(Caches.Seconds(2.9));
        Assert.False(call.IsCompleted);
        _clock.Advance(Caches.Seconds(0.2));
        TimeoutException timeout = await Assert.ThrowsAsync<TimeoutException>(() => call);
        Assert.Contains("LoadTimeout", timeout.Message, StringComparison.Ordinal);
        Assert.True(seen.IsCancellationRequested);

        await Assert.ThrowsAsync<CacheLoadShedException>(() => ReadAsync(cache, "other"));
        stuck.SetResult("late");
        Assert.Equal((CacheStatus.Miss, "v1"), await ReadAsync(cache, "other"));
        Assert.Equal((CacheStatus.Miss, "v1"), await ReadAsync(cache));      // what came late was not kept
    }

    [Fact]
    public async Task A_load_that_takes_too_long_is_answered_with_the_stale_value_if_there_is_one()
    {
        await using CacheAside cache = Caches.Local(o => (o.Expiration, o.LoadTimeout) = (Caches.Seconds(100), Caches.Seconds(3)), _clock);
        await cache.GetOrLoadAsync("k", _source.LoadAsync);
        _clock.Advance(Caches.Seconds(101));
        _source.Hold = new();
        Task<(CacheStatus, string)> call = ReadAsync(cache);
        Assert.False(call.IsCompleted);
        _clock.Advance(Caches.Seconds(3.1));

        Assert.Equal((CacheStatus.Stale, "v1"), await call);
    }

    [Fact]
    public async Task After_the_soft_timeout_the_stale_value_is_served_while_the_load_goes_on_and_is_kept()
    {
        await using CacheAside cache = Soft();
        await cache.GetOrLoadAsync("k", _source.LoadAsync);
        _clock.Advance(Caches.Seconds(101));
        (_source.Value, _source.Hold) = ("v2", new());

        Task<(CacheStatus, string)> call = ReadAsync(cache);
        Assert.False(call.IsCompleted);
        _clock.Advance(Caches.Seconds(1.1));
        Assert.Equal((CacheStatus.Stale, "v1"), await call);
        Assert.Equal((CacheStatus.Stale, "v1"), await ReadAsync(cache));     // no second load, no second wait
        _source.Hold.SetResult();

        await Until.TrueAsync(async () => await ReadAsync(cache) is (CacheStatus.HitLocal, "v2"), "the load that nobody waited for is kept");
        Assert.Equal(2, _source.Loads);
    }

    [Fact]
    public async Task While_a_load_goes_on_in_the_background_nothing_older_than_MaxStale_is_served()
    {
        await using CacheAside cache = Soft();
        await cache.GetOrLoadAsync("k", _source.LoadAsync);
        _clock.Advance(Caches.Seconds(104));
        (_source.Value, _source.Hold) = ("v2", new());
        Task<(CacheStatus, string)> early = ReadAsync(cache);
        _clock.Advance(Caches.Seconds(1.1));
        Assert.Equal((CacheStatus.Stale, "v1"), await early);

        _clock.Advance(Caches.Seconds(5));        // 110.1 s: past Expiration + MaxStale
        Task<(CacheStatus, string)> late = ReadAsync(cache);
        Assert.False(late.IsCompleted);
        _source.Hold.SetResult();

        Assert.Equal((CacheStatus.Miss, "v2"), await late);
        Assert.Equal(2, _source.Loads);
    }

    private CacheAside Soft() => Caches.Local(
        o => (o.Expiration, o.MaxStale, o.SoftLoadTimeout) = (Caches.Seconds(100), Caches.Seconds(10), Caches.Seconds(1)), _clock);

    [Fact]
    public async Task One_caller_renews_a_value_before_it_expires_and_the_others_keep_hitting()
    {
        // a load of 10 s and a die of 0.5: due from 10 s · ln 2 = 6.93 s before expiry
        await using CacheAside cache = Caches.Local(o => (o.Expiration, o.EarlyRefresh, o.NextRandom) = (Caches.Seconds(100), 1, () => 0.5), _clock);
        await cache.GetOrLoadAsync("k", _ =>
        {
            _clock.Advance(Caches.Seconds(10));
            return Task.FromResult("v1");
        });
        (_source.Value, _source.Hold) = ("v2", new());

        _clock.Advance(Caches.Seconds(93));
        Assert.Equal((CacheStatus.HitLocal, "v1"), await ReadAsync(cache));
        _clock.Advance(Caches.Seconds(0.2));
        Task<(CacheStatus, string)> renewing = ReadAsync(cache);
        Assert.False(renewing.IsCompleted);
        Assert.Equal((CacheStatus.HitLocal, "v1"), await ReadAsync(cache));
        Assert.Equal((CacheStatus.HitLocal, "v1"), await ReadAsync(cache));
        _source.Hold.SetResult();

        Assert.Equal((CacheStatus.Miss, "v2"), await renewing);
        Assert.Equal((CacheStatus.HitLocal, "v2"), await ReadAsync(cache));
        Assert.Equal(1, _source.Loads);
    }

    [Fact]
    public async Task A_failed_early_refresh_is_a_hit()
    {
        await using CacheAside cache = Caches.Local(o => (o.Expiration, o.EarlyRefresh, o.NextRandom) = (Caches.Seconds(100), 1, () => 0.5), _clock);
        await cache.GetOrLoadAsync("k", _ =>
        {
            _clock.Advance(Caches.Seconds(10));
            return Task.FromResult("v1");
        });
        _source.Fault = new IOException("away");
        _clock.Advance(Caches.Seconds(95));

        Assert.Equal((CacheStatus.HitLocal, "v1"), await ReadAsync(cache));
        Assert.Equal(1, _source.Loads);
    }

    [Fact]
    public async Task A_null_is_remembered_for_its_own_time()
    {
        await using CacheAside cache = Caches.Local(o => (o.Expiration, o.NullExpiration, o.MaxStale) = (Caches.Seconds(100), Caches.Seconds(5), TimeSpan.Zero), _clock);
        int loads = 0;
        Task<CacheResult<string?>> Read() => cache.GetOrLoadAsync("k", _ => Task.FromResult<string?>(++loads > 1 ? "now there" : null)).AsTask();

        Assert.Equal(CacheStatus.Miss, (await Read()).Status);
        _clock.Advance(Caches.Seconds(4.9));
        CacheResult<string?> hit = await Read();
        Assert.Equal((CacheStatus.HitLocal, null), (hit.Status, hit.Value));
        _clock.Advance(Caches.Seconds(0.2));
        Assert.Equal((CacheStatus.Miss, "now there"), ((await Read()).Status, "now there"));
        _clock.Advance(Caches.Seconds(90));
        Assert.Equal("now there", (await Read()).Value);
        Assert.Equal(2, loads);
    }

    [Fact]
    public async Task With_NullExpiration_zero_a_null_is_not_remembered()
    {
        await using CacheAside cache = Caches.Local(o => o.NullExpiration = TimeSpan.Zero, _clock);
        int loads = 0;
        for (int i = 0; i < 3; i++)
        {
            CacheResult<string?> result = await cache.GetOrLoadAsync("k", _ => Task.FromResult<string?>(++loads > 99 ? "" : null));
            Assert.Equal((CacheStatus.Miss, TimeSpan.Zero), (result.Status, result.TimeToLive));
        }

        Assert.Equal(3, loads);
    }

    [Fact]
    public async Task A_load_decides_how_long_its_own_result_is_fresh()
    {
        await using CacheAside cache = Caches.Local(o => o.MaxStale = TimeSpan.Zero, _clock);
        int loads = 0;
        Task<CacheResult<int>> Read(TimeSpan life) => cache.GetOrLoadAsync("k", life, (life, context, _) =>
        {
            Assert.Equal(("k", TimeSpan.FromMinutes(5)), (context.Key, context.Expiration));
            context.Expiration = life;
            return new ValueTask<int>(++loads);
        }).AsTask();

        Assert.Equal(Caches.Seconds(7), (await Read(Caches.Seconds(7))).TimeToLive);
        _clock.Advance(Caches.Seconds(6.9));
        Assert.Equal(1, (await Read(Caches.Seconds(7))).Value);
        _clock.Advance(Caches.Seconds(0.2));
        Assert.Equal((2, TimeSpan.Zero), ((await Read(TimeSpan.Zero)).Value, TimeSpan.Zero));
        Assert.Equal(3, (await Read(TimeSpan.Zero)).Value);       // zero kept nothing
        Assert.Equal(4, (await Read(Caches.Seconds(-1))).Value);
    }

    [Fact]
    public async Task Times_of_any_length_are_taken()
    {
        await using CacheAside cache = Caches.Local(o => (o.Expiration, o.MaxStale, o.LocalExpiration, o.NullExpiration, o.IsolatedExpiration) =
            (TimeSpan.MaxValue, TimeSpan.MaxValue, TimeSpan.MaxValue, TimeSpan.MaxValue, TimeSpan.MaxValue), _clock);
        await cache.GetOrLoadAsync("k", _source.LoadAsync);
        _clock.Advance(TimeSpan.FromDays(365));
        Assert.Equal((CacheStatus.HitLocal, "v1"), await ReadAsync(cache));

        await cache.SetAsync("j", "x", new HybridCacheEntryOptions { Expiration = TimeSpan.MaxValue, LocalCacheExpiration = TimeSpan.MaxValue });
        Assert.Equal((CacheStatus.HitLocal, "x"), await ReadAsync(cache, "j"));
        await cache.SetAsync("j", "y", new HybridCacheEntryOptions { Expiration = TimeSpan.FromDays(-1) });
        Assert.Equal((CacheStatus.Miss, "v1"), await ReadAsync(cache, "j"));
    }

    private async Task<(CacheStatus Status, string Value)> ReadAsync(CacheAside cache, string key = "k")
    {
        CacheResult<string> result = await cache.GetOrLoadAsync(key, _source.LoadAsync);
        return (result.Status, result.Value);
    }
}
