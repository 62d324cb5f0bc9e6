using Microsoft.Extensions.Time.Testing;

namespace Scaling.Caching.Tests;

/// <summary>What a call says about where its value came from.</summary>
public class CacheResultTests(Servers servers)
{
    [Fact]
    public async Task A_miss_and_a_hit_in_memory_tell_age_and_what_is_left()
    {
        FakeTimeProvider clock = Caches.Clock();
        await using CacheAside cache = Caches.Local(o => o.Expiration = Caches.Seconds(300), clock);
        var source = new Source();

        CacheResult<string> miss = await cache.GetOrLoadAsync("k", source.LoadAsync);
        clock.Advance(Caches.Seconds(40));
        CacheResult<string> hit = await cache.GetOrLoadAsync("k", source.LoadAsync);

        Assert.Equal((CacheStatus.Miss, TimeSpan.Zero, Caches.Seconds(300), false), (miss.Status, miss.Age, miss.TimeToLive, miss.Collapsed));
        Assert.Equal((CacheStatus.HitLocal, Caches.Seconds(40), Caches.Seconds(260), false), (hit.Status, hit.Age, hit.TimeToLive, hit.Collapsed));
        Assert.Equal("Scaling; fwd=miss; stored; ttl=300", miss.ToCacheStatus());
        Assert.Equal("Scaling; hit; ttl=260; detail=l1", hit.ToCacheStatus());
    }

    [Fact]
    public async Task A_hit_in_Redis_tells_the_age_since_the_load_on_the_other_node()
    {
        string prefix = servers.NewPrefix();
        await using CacheAside a = await servers.NodeAsync(prefix);
        await using CacheAside b = await servers.NodeAsync(prefix);
        await a.SetAsync("k", "v");
        await Task.Delay(20);

        CacheResult<string> hit = await b.GetOrLoadAsync("k", new Source().LoadAsync);
        CacheResult<string> again = await b.GetOrLoadAsync("k", new Source().LoadAsync);

        Assert.Equal(CacheStatus.HitDistributed, hit.Status);
        Assert.InRange(hit.Age, TimeSpan.FromMilliseconds(15), Until.Patience);
        Assert.Equal(300_000, (hit.Age + hit.TimeToLive).TotalMilliseconds, 2.0);
        Assert.Equal(CacheStatus.HitLocal, again.Status);
        Assert.InRange(again.Age, hit.Age, Until.Patience);
    }

    [Fact]
    public async Task A_stale_value_tells_for_how_long_it_has_been()
    {
        FakeTimeProvider clock = Caches.Clock();
        await using CacheAside cache = Caches.Local(o => o.Expiration = Caches.Seconds(300), clock);
        var source = new Source();
        await cache.GetOrLoadAsync("k", source.LoadAsync);
        source.Fault = new IOException("the database is away");
        clock.Advance(Caches.Seconds(312.5));

        CacheResult<string> stale = await cache.GetOrLoadAsync("k", source.LoadAsync);

        Assert.Equal(("v1", CacheStatus.Stale, Caches.Seconds(312.5), Caches.Seconds(-12.5)), (stale.Value, stale.Status, stale.Age, stale.TimeToLive));
        Assert.Equal("Scaling; fwd=stale; ttl=-13", stale.ToCacheStatus());
    }

    [Fact]
    public async Task Without_an_answer_from_L2_the_value_is_loaded_and_the_status_says_bypass()
    {
        var options = new CacheAsideOptions { Jitter = 0, EarlyRefresh = 0 };
        await using var cache = new CacheAside(CacheBackend.Redis("127.0.0.1:1"), options);
        var source = new Source();

        CacheResult<string> bypass = await cache.GetOrLoadAsync("k", source.LoadAsync);

        Assert.Equal(("v1", CacheStatus.Bypass), (bypass.Value, bypass.Status));
        Assert.Equal("BYPASS", bypass.Status.ToHeaderValue());
        Assert.StartsWith("Scaling; fwd=bypass; stored; ttl=29", bypass.ToCacheStatus(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_call_that_shared_another_load_says_so()
    {
        await using CacheAside cache = Caches.Local();
        var source = new Source { Hold = new() };
        ValueTask<CacheResult<string>> leader = cache.GetOrLoadAsync("k", source.LoadAsync);
        ValueTask<CacheResult<string>> follower = cache.GetOrLoadAsync("k", source.LoadAsync);

        source.Hold.SetResult();

        Assert.False((await leader).Collapsed);
        CacheResult<string> shared = await follower;
        Assert.True(shared.Collapsed);
        Assert.StartsWith("Scaling; fwd=miss; stored; collapsed; ttl=", shared.ToCacheStatus(), StringComparison.Ordinal);
    }

    // RFC 9211, section 2: hit and fwd exclude each other; stored and collapsed belong to fwd; ttl may be negative. What was shed was neither
    [Theory]
    [InlineData(CacheStatus.HitLocal, 42, false, "HIT", "Scaling; hit; ttl=42; detail=l1")]
    [InlineData(CacheStatus.HitDistributed, 42.9, true, "HIT", "Scaling; hit; ttl=42; detail=l2")]
    [InlineData(CacheStatus.Miss, 0, false, "MISS", "Scaling; fwd=miss")]
    [InlineData(CacheStatus.Miss, 300, true, "MISS", "Scaling; fwd=miss; stored; collapsed; ttl=300")]
    [InlineData(CacheStatus.Stale, -1.5, false, "STALE", "Scaling; fwd=stale; ttl=-2")]
    [InlineData(CacheStatus.Bypass, 0, false, "BYPASS", "Scaling; fwd=bypass")]
    [InlineData(CacheStatus.Bypass, 5, false, "BYPASS", "Scaling; fwd=bypass; stored; ttl=5")]
    [InlineData(CacheStatus.Shed, 0, false, "SHED", "Scaling; detail=shed")]
    public void Every_status_has_its_header_texts(CacheStatus status, double timeToLive, bool collapsed, string xCache, string cacheStatus)
    {
        var result = new CacheResult<int>(1, status, TimeSpan.Zero, Caches.Seconds(timeToLive), collapsed);

        Assert.Equal(xCache, result.Status.ToHeaderValue());
        Assert.Equal(cacheStatus, result.ToCacheStatus());
    }

    // RFC 9651, section 3.3: a token where it can be one, else a quoted string with \ and " escaped
    [Theory]
    [InlineData("edge-1.example:80", "edge-1.example:80; hit; ttl=1; detail=l1")]
    [InlineData("my cache", "\"my cache\"; hit; ttl=1; detail=l1")]
    [InlineData("1st", "\"1st\"; hit; ttl=1; detail=l1")]
    [InlineData("a\"b\\c", "\"a\\\"b\\\\c\"; hit; ttl=1; detail=l1")]
    public void The_name_of_the_cache_is_a_token_or_a_string(string name, string expected) =>
        Assert.Equal(expected, new CacheResult<int>(1, CacheStatus.HitLocal, default, Caches.Seconds(1), false).ToCacheStatus(name));

    [Theory]
    [InlineData("")]
    [InlineData("né")]
    [InlineData("a\nb")]
    public void A_name_that_no_header_can_carry_is_refused(string name) =>
        Assert.Throws<ArgumentException>("cacheName", () => new CacheResult<int>(1, CacheStatus.HitLocal, default, Caches.Seconds(1), false).ToCacheStatus(name));
}
