using LocalServices;
using Microsoft.Extensions.Caching.StackExchangeRedis;
using Microsoft.Extensions.Logging;
using Scaling.Caching.Internal;
using static Scaling.Caching.Tests.Outage;

namespace Scaling.Caching.Tests;

/// <summary>A real redis-server that is killed, paused, resumed, restarted and started late, under load.</summary>
public sealed class OutageTests(Servers servers) : IAsyncLifetime
{
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
        await using CacheAside cache = Node(CacheBackend.Redis(redis.ConnectionString), _observation.Services);
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
    public async Task A_Redis_that_is_full_still_serves_what_it_has()
    {
        await using LocalRedis redis = await LocalRedis.StartAsync();
        await using CacheAside cache = Node(CacheBackend.Redis(redis.ConnectionString));
        await Until.LinkedAsync(cache);
        var source = new Source();
        await StoreAsync(cache, redis, source, "k");
        await redis.CommandAsync(["CONFIG", "SET", "maxmemory", "1"]);

        CacheResult<string> hit = await cache.GetOrLoadAsync("k", source.LoadAsync, Caches.PastMemory);
        CacheResult<string> other = await cache.GetOrLoadAsync("other", source.LoadAsync);

        Assert.Equal((CacheStatus.HitDistributed, "v1"), (hit.Status, hit.Value));
        Assert.Equal((CacheStatus.Bypass, "v1"), (other.Status, other.Value));
        Assert.Equal(GuardState.Closed, cache.Remote!.State);
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

    private Task<CacheAside> ImpatientAsync() => servers.NodeAsync(configure: o => Impatient(o), services: _observation.Services);
}
