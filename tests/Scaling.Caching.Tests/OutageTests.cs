using System.Globalization;
using LocalServices;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.Caching.StackExchangeRedis;
using Microsoft.Extensions.Logging;
using Scaling.Caching.Internal;
using StackExchange.Redis;

namespace Scaling.Caching.Tests;

/// <summary>A real redis-server that is killed, paused, resumed, restarted and started late, under load.</summary>
public sealed class OutageTests(Servers servers) : IAsyncLifetime
{
    private static readonly HybridCacheEntryOptions PastMemory = new() { Flags = HybridCacheEntryFlags.DisableLocalCache };

    private readonly Observation _observation = new();

    public ValueTask InitializeAsync() => default;

    public async ValueTask DisposeAsync()
    {
        servers.Redis.Resume();
        await servers.Redis.EnsureUpAsync();
        await _observation.DisposeAsync();
    }

    [Fact]
    public async Task A_hang_costs_at_most_ten_callers_the_timeout_however_many_come()
    {
        await using CacheAside cache = await ImpatientAsync();
        servers.Redis.Pause();

        await using var load = new Load(cache, callers: 50, burst: 1_000);
        await Until.OpenAsync(cache);
        await load.MoreAsync(5_000);    // past several probes

        await load.StopAsync();         // Redis is paused all the while: nobody waited for it to answer
        Assert.InRange(_observation.Calls("timedout"), 1, 10);
        Assert.Equal(0, load.Failures);
        Assert.Equal([LogLevel.Information, LogLevel.Warning], _observation.StateLines);
    }

    [Theory]
    [InlineData("paused")]
    [InlineData("killed")]
    [InlineData("stopped")]
    public async Task No_request_fails_and_Redis_is_used_again_without_a_storm(string how)
    {
        await using CacheAside cache = await ImpatientAsync();
        await using var load = new Load(cache, callers: 20, burst: 100);
        await load.MoreAsync(200);

        await (how switch { "killed" => servers.Redis.KillAsync(), "stopped" => servers.Redis.StopAsync(), _ => Task.Run(servers.Redis.Pause) });
        await Until.OpenAsync(cache);
        await load.MoreAsync(500);
        await (how == "paused" ? Task.Run(servers.Redis.Resume) : servers.Redis.RestartAsync());
        await Until.LinkedAsync(cache);
        int done = _observation.Calls("done", "write");
        await Until.TrueAsync(() => _observation.Calls("done", "write") > done, "values are written to Redis again");
        await load.StopAsync();

        Assert.Equal(0, load.Failures);
        Assert.InRange(_observation.Calls("timedout"), 0, 10);
        Assert.Equal([LogLevel.Information, LogLevel.Warning, LogLevel.Information], _observation.StateLines);
    }

    [Fact]
    public async Task A_Redis_that_starts_late_is_used_when_it_comes()
    {
        await using LocalRedis redis = await LocalRedis.StartAsync();
        await redis.KillAsync();
        await using CacheAside cache = Node(redis.ConnectionString);
        var source = new Source();

        CacheResult<string> early = await cache.GetOrLoadAsync("k", source.LoadAsync);
        CacheDelivery delivery = await cache.InvalidateAsync("k");
        await redis.RestartAsync();
        await Until.LinkedAsync(cache);

        Assert.Equal((CacheStatus.Bypass, "v1"), (early.Status, early.Value));
        Assert.Equal(CacheDelivery.Deferred, delivery);
        Assert.Equal(0, cache.Remote!.Owed);
        await Until.TrueAsync(async () => (await PastMemoryAsync(cache, source)).StartsWith("v1", StringComparison.Ordinal) && source.Loads < 10
            && _observation.Calls("done", "write") > 0, "the value reaches Redis");
        Assert.InRange(_observation.StateLines.Count, 1, 2);
    }

    [Fact]
    public async Task No_user_request_is_the_probe()
    {
        await using CacheAside cache = await ImpatientAsync();
        await servers.Redis.CommandAsync(["ACL", "SETUSER", "default", "-ping"]);      // from now on a probe fails, everything else would work
        try
        {
            servers.Redis.Pause();
            await using var load = new Load(cache, callers: 20, burst: 100);
            await Until.OpenAsync(cache);
            servers.Redis.Resume();
            string commands = "";
            await Until.TrueAsync(async () => commands == (commands = await UserCommandsAsync()), "what was sent before the guard opened is done");
            await load.MoreAsync(1_000);
            await load.StopAsync();

            Assert.Equal(commands, await UserCommandsAsync());
            Assert.Equal(GuardState.Open, cache.Remote!.State);
        }
        finally
        {
            servers.Redis.Resume();
            await servers.Redis.CommandAsync(["ACL", "SETUSER", "default", "+ping"]);
        }

        await Until.LinkedAsync(cache);

        async Task<string> UserCommandsAsync() => string.Join('\n', (await servers.Redis.CommandAsync(["INFO", "commandstats"])).Split('\n')
            .Where(line => line.StartsWith("cmdstat_get:", StringComparison.Ordinal) || line.StartsWith("cmdstat_eval", StringComparison.Ordinal)).Order());
    }

    [Fact]
    public async Task Cancelled_callers_neither_open_the_guard_nor_hide_a_hang()
    {
        await using CacheAside cache = await ImpatientAsync();
        var source = new Source { Hold = new TaskCompletionSource() };
        for (int i = 0; i < 50; i++)
        {
            using var gone = new CancellationTokenSource();
            ValueTask<CacheResult<string>> call = cache.GetOrLoadAsync($"k{i}", source.LoadAsync, cancellationToken: gone.Token);
            await gone.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await call);
        }

        Assert.Equal(GuardState.Closed, cache.Remote!.State);

        servers.Redis.Pause();
        for (int i = 0; i < 50 && cache.Remote.State == GuardState.Closed; i++)
        {
            using var gone = new CancellationTokenSource(TimeSpan.FromMilliseconds(20));
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await cache.GetOrLoadAsync($"h{i}", source.LoadAsync, cancellationToken: gone.Token));
        }

        await Until.OpenAsync(cache);
    }

    [Fact]
    public async Task A_client_that_ignores_its_token_is_timed_out_all_the_same()
    {
        using var inner = new RedisCache(new RedisCacheOptions { Configuration = servers.Redis.ConnectionString });
        await inner.GetAsync("connected");
        await using var cache = new CacheAside(CacheBackend.Distributed(inner), Impatient(new CacheAsideOptions { KeyPrefix = servers.NewPrefix() }), services: _observation.Services);
        await cache.Started;
        servers.Redis.Pause();

        CacheResult<string> result = await cache.GetOrLoadAsync("k", new Source().LoadAsync);

        Assert.Equal((CacheStatus.Bypass, "v1"), (result.Status, result.Value));
        Assert.Equal(1, _observation.Calls("timedout", "read"));
        servers.Redis.Resume();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_invalidation_during_an_outage_is_deferred_and_replayed_before_the_first_read(bool guarded)
    {
        await using LocalRedis redis = await LocalRedis.StartAsync();
        await using CacheAside cache = Node(redis.ConnectionString + ",asyncTimeout=300,connectTimeout=300", options => options.Guard.Enabled = guarded);
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
        await using CacheAside other = Node(redis.ConnectionString);
        await Until.LinkedAsync(other);
        Assert.Equal("v2", await PastMemoryAsync(other, source));
    }

    [Fact]
    public async Task A_tag_s_stamp_that_was_read_while_it_was_owed_does_not_outlive_the_debt()
    {
        await using LocalRedis redis = await LocalRedis.StartAsync();
        await using CacheAside cache = Node(redis.ConnectionString + ",asyncTimeout=300,connectTimeout=300", options => options.RemoteTimeout = Timeout.InfiniteTimeSpan);
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
        await using CacheAside cache = Node(redis.ConnectionString, options => options.Guard.JournalCapacity = 2);
        await using CacheAside other = Node(redis.ConnectionString);
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
        await using CacheAside cache = Node(redis.ConnectionString);
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

    private static CacheAsideOptions Impatient(CacheAsideOptions options)
    {
        options.Guard.Timeout = TimeSpan.FromMilliseconds(400);
        return options;
    }

    private Task<CacheAside> ImpatientAsync() => servers.NodeAsync(configure: o => Impatient(o), services: _observation.Services);

    private CacheAside Node(string connection, Action<CacheAsideOptions>? configure = null)
    {
        var options = Impatient(new CacheAsideOptions { KeyPrefix = "n:", Jitter = 0, EarlyRefresh = 0 });
        configure?.Invoke(options);
        return new CacheAside(CacheBackend.Redis(connection), options, services: _observation.Services);
    }

    private static async Task<string> PastMemoryAsync(CacheAside cache, Source source, string key = "k") =>
        await cache.GetOrCreateAsync<string>(key, async token => await source.LoadAsync(token), PastMemory);

    private static async Task StoreAsync(CacheAside cache, LocalRedis redis, Source source, string key, params string[] tags)
    {
        await cache.GetOrLoadAsync(key, source.LoadAsync, tags: tags);
        await Until.TrueAsync(async () => int.Parse(await redis.CommandAsync(["STRLEN", $"n:v:{key}"]), CultureInfo.InvariantCulture) > Envelope.LeaseLength, "the value is in Redis");
    }
}
