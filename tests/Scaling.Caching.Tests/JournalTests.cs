using LocalServices;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.StackExchangeRedis;
using Scaling.Caching.Internal;
using StackExchange.Redis;
using static Scaling.Caching.Tests.Outage;

namespace Scaling.Caching.Tests;

/// <summary>What an L2 that was away has missed is given to it before it is read again.</summary>
public sealed class JournalTests(Servers servers) : IAsyncLifetime
{
    public ValueTask InitializeAsync() => default;

    public async ValueTask DisposeAsync() => await servers.Redis.EnsureUpAsync();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_invalidation_during_an_outage_is_deferred_and_replayed_before_the_first_read(bool guarded)
    {
        await using LocalRedis redis = await LocalRedis.StartAsync();
        await using CacheAside cache = Node(CacheBackend.Redis(redis.ConnectionString + ",asyncTimeout=300,connectTimeout=300"), configure: options => options.Guard.Enabled = guarded);
        await Until.LinkedAsync(cache);
        var source = new Source();
        await StoreAsync(cache, redis, source, "k");
        await redis.CommandAsync(["SAVE"]);
        await redis.KillAsync();

        source.Value = "v2";
        Assert.Equal(CacheDelivery.Deferred, await cache.InvalidateAsync("k"));
        await redis.RestartAsync();         // it has read the old value back from its disk
        Assert.Equal("v2", await PastMemoryAsync(cache, source));       // nobody has waited for a recovery
        await Until.TrueAsync(() => cache.Remote!.Owed == 0, "the journal is replayed");

        Assert.Equal("v2", await PastMemoryAsync(cache, source));
        await using CacheAside other = Node(CacheBackend.Redis(redis.ConnectionString));
        await Until.LinkedAsync(other);
        Assert.Equal("v2", await PastMemoryAsync(other, source));
    }

    [Fact]
    public async Task A_tag_s_stamp_that_was_read_while_it_was_owed_does_not_outlive_the_debt()
    {
        await using LocalRedis redis = await LocalRedis.StartAsync();
        await using CacheAside cache = Node(CacheBackend.Redis(redis.ConnectionString + ",asyncTimeout=300,connectTimeout=300"), configure: options => options.RemoteTimeout = Timeout.InfiniteTimeSpan);
        await Until.LinkedAsync(cache);
        var source = new Source();
        await StoreAsync(cache, redis, source, "k", "t");
        await StoreAsync(cache, redis, source, "l", "t");
        await redis.CommandAsync(["SAVE"]);
        await redis.KillAsync();

        source.Value = "v2";
        Assert.Equal(CacheDelivery.Deferred, await cache.InvalidateTagAsync("t"));
        await redis.RestartAsync();
        await Until.TrueAsync(
            async () =>
            {
                Assert.Equal("v2", await PastMemoryAsync(cache, source));       // without a guard the old stamp is read, as soon as Redis answers
                return cache.Remote!.Owed == 0;
            },
            "the journal is replayed");

        Assert.Equal("v2", await PastMemoryAsync(cache, source, "l"));
    }

    [Fact]
    public async Task A_journal_that_overflows_drops_everything_instead_of_something_silently()
    {
        await using LocalRedis redis = await LocalRedis.StartAsync();
        await using CacheAside cache = Node(CacheBackend.Redis(redis.ConnectionString), configure: options => options.Guard.JournalCapacity = 2);
        await using CacheAside other = Node(CacheBackend.Redis(redis.ConnectionString));
        await Until.LinkedAsync(cache);
        await Until.LinkedAsync(other);
        var source = new Source();
        string[] keys = ["a", "b", "c", "d"];
        foreach (string key in keys)
        {
            await StoreAsync(cache, redis, source, key);
        }

        await redis.CommandAsync(["SAVE"]);
        await redis.KillAsync();
        source.Value = "v2";
        foreach (string key in keys[..3])
        {
            await cache.InvalidateAsync(key);
        }

        Assert.Equal(1, cache.Remote!.Owed);
        await redis.RestartAsync();
        await Until.LinkedAsync(cache);
        await Until.LinkedAsync(other);

        foreach (string key in keys)
        {
            Assert.Equal("v2", await PastMemoryAsync(cache, source, key));
            Assert.Equal("v2", (await other.GetOrLoadAsync(key, source.LoadAsync)).Value);
        }
    }

    [Fact]
    public async Task A_Redis_that_comes_back_without_an_acknowledged_invalidation_is_told_again()
    {
        await using LocalRedis redis = await LocalRedis.StartAsync();
        await using CacheAside cache = Node(CacheBackend.Redis(redis.ConnectionString));
        await Until.LinkedAsync(cache);
        var source = new Source();
        await StoreAsync(cache, redis, source, "k");
        await redis.CommandAsync(["SAVE"]);

        source.Value = "v2";
        Assert.Equal(CacheDelivery.Delivered, await cache.InvalidateAsync("k"));
        await redis.KillAsync();
        await Until.OpenAsync(cache);
        await redis.RestartAsync();         // as it was before the invalidation, like a replica that had not received it
        await Until.LinkedAsync(cache);

        Assert.Equal("v2", await PastMemoryAsync(cache, source));
    }

    [Fact]
    public async Task A_Redis_that_comes_back_empty_leaves_the_memory_to_stand_in_for_failing_loads_but_nothing_that_was_invalidated()
    {
        string prefix = servers.NewPrefix();
        await using CacheAside cache = await servers.NodeAsync(prefix, o => Impatient(o));
        await using CacheAside other = await servers.NodeAsync(prefix, o => Impatient(o));
        var source = new Source();
        foreach (string key in (string[])["kept", "gone", "missed"])
        {
            await cache.GetOrLoadAsync(key, source.LoadAsync);
        }

        await servers.Redis.KillAsync();
        await Until.OpenAsync(cache);
        await Until.OpenAsync(other);
        Assert.Equal(CacheDelivery.Deferred, await other.InvalidateAsync("gone"));
        await servers.Redis.RestartAsync();
        await Until.LinkedAsync(other);
        await Until.LinkedAsync(cache);

        // an invalidation that was published while this node could not hear has left its mark in Redis
        await using (ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(servers.Redis.ConnectionString))
        {
            await redis.GetDatabase().StringSetAsync($"{prefix}v:missed", Envelope.Void(Envelope.NewStamp()));
        }

        source.Fault = new InvalidOperationException("the database is down too");
        CacheResult<string> kept = await cache.GetOrLoadAsync("kept", source.LoadAsync);
        Assert.Equal("v1", kept.Value);
        Assert.Equal(CacheStatus.Stale, kept.Status);           // it was not trusted before the load had failed
        Assert.Equal(4, source.Loads);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await cache.GetOrLoadAsync("gone", source.LoadAsync));
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await cache.GetOrLoadAsync("missed", source.LoadAsync));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Any_IDistributedCache_is_given_what_it_missed_before_it_is_read_again(bool buffered)
    {
        await using LocalRedis redis = await LocalRedis.StartAsync();
        using RedisCache one = NewRedisCache(), another = NewRedisCache();
        await using CacheAside cache = Node(CacheBackend.Distributed(buffered ? one : new Unbuffered(one)), configure: Patiently);
        await Until.TrueAsync(() => cache.Remote!.State == GuardState.Closed, "the guard is closed");
        var source = new Source();
        foreach (string key in (string[])["k", "l", "untouched"])
        {
            await cache.GetOrLoadAsync(key, source.LoadAsync);
            await Until.TrueAsync(async () => Length(await redis.CommandAsync(["HSTRLEN", $"n:v:{key}", "data"])) > Envelope.LeaseLength, "the value is in Redis");
        }

        await redis.CommandAsync(["SAVE"]);
        await redis.KillAsync();
        source.Value = "v2";
        Assert.Equal(CacheDelivery.Deferred, await cache.InvalidateAsync("k"));
        await cache.SetAsync("l", "v2");
        Assert.Equal(2, cache.Remote!.Owed);
        await redis.RestartAsync();         // with the old values
        await Until.TrueAsync(
            async () =>
            {
                Assert.Equal("v2", await PastMemoryAsync(cache, source));
                return cache.Remote.Owed == 0 && cache.Remote.State == GuardState.Closed;
            },
            "the journal is replayed");

        source.Value = "v3";
        await using CacheAside other = Node(CacheBackend.Distributed(another), configure: Patiently);
        await Until.TrueAsync(() => other.Remote!.State == GuardState.Closed, "the guard is closed");
        Assert.NotEqual("v1", await PastMemoryAsync(other, source));
        Assert.NotEqual("v1", await PastMemoryAsync(other, source, "l"));
        Assert.Equal("v1", await PastMemoryAsync(other, source, "untouched"));      // it was read from Redis, which did have the old values

        RedisCache NewRedisCache() => new(new RedisCacheOptions { Configuration = redis.ConnectionString + ",abortConnect=false,connectTimeout=500,asyncTimeout=1000" });

        static void Patiently(CacheAsideOptions options) =>
            (options.Guard.Timeout, options.Guard.ConsecutiveFaults) = (Until.Patience / 2, 1);      // it is the client that gives up
    }

    /// <summary>A cache that offers no buffers.</summary>
    private sealed class Unbuffered(IDistributedCache inner) : IDistributedCache
    {
        public Task<byte[]?> GetAsync(string key, CancellationToken token = default) => inner.GetAsync(key, token);

        public Task SetAsync(string key, byte[] value, DistributedCacheEntryOptions options, CancellationToken token = default) => inner.SetAsync(key, value, options, token);

        public Task RefreshAsync(string key, CancellationToken token = default) => inner.RefreshAsync(key, token);

        public Task RemoveAsync(string key, CancellationToken token = default) => inner.RemoveAsync(key, token);

        public byte[]? Get(string key) => throw new NotSupportedException();

        public void Set(string key, byte[] value, DistributedCacheEntryOptions options) => throw new NotSupportedException();

        public void Refresh(string key) => throw new NotSupportedException();

        public void Remove(string key) => throw new NotSupportedException();
    }
}
