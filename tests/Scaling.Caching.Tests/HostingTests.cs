using System.Text;
using System.Text.Json.Serialization;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using StackExchange.Redis;

namespace Scaling.Caching.Tests;

/// <summary>Registration, options, health, serializers and metrics: what a program meets before and around its calls.</summary>
public sealed partial class HostingTests(Servers servers)
{
    [Fact]
    public async Task It_is_the_HybridCache_of_the_program_whoever_else_registers_one()
    {
        var services = new ServiceCollection();
        services.AddHybridCache();
        services.AddCacheAside();
        services.AddHybridCache();
        await using ServiceProvider provider = services.BuildServiceProvider();

        Assert.Same(provider.GetRequiredService<CacheAside>(), provider.GetRequiredService<HybridCache>());
    }

    [Fact]
    public async Task Keyed_caches_are_apart_from_each_other_and_from_the_unkeyed_one()
    {
        string prefix = servers.NewPrefix();
        var services = new ServiceCollection();
        services.AddCacheAside(o => o.KeyPrefix = prefix).AddRedis(servers.Redis.ConnectionString);
        services.AddKeyedCacheAside(prefix + "users").AddRedis(servers.Redis.ConnectionString);
        services.AddKeyedCacheAside(prefix + "orders", o => o.Expiration = TimeSpan.FromMinutes(1));
        await using ServiceProvider provider = services.BuildServiceProvider();
        CacheAside[] caches = [
            provider.GetRequiredService<CacheAside>(),
            provider.GetRequiredKeyedService<CacheAside>(prefix + "users"),
            provider.GetRequiredKeyedService<CacheAside>(prefix + "orders")];
        await Until.LinkedAsync(caches[0]);
        await Until.LinkedAsync(caches[1]);

        for (int i = 0; i < caches.Length; i++)
        {
            CacheResult<int> result = await caches[i].GetOrLoadAsync("k", _ => Task.FromResult(i));
            Assert.Equal((CacheStatus.Miss, i), (result.Status, result.Value));
        }

        Assert.Same(caches[1], provider.GetRequiredKeyedService<HybridCache>(prefix + "users"));
        await using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(servers.Redis.ConnectionString);
        await Until.TrueAsync(() => redis.GetDatabase().KeyExistsAsync(prefix + "users:v:k"), "the keyed cache's prefix is its key");
        Assert.Null(caches[2].Remote);
    }

    [Fact]
    public async Task Options_are_bound_from_configuration()
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?> { ["Cache:Expiration"] = "00:00:07", ["Cache:RemoteTimeout"] = "00:00:00.1", ["Cache:MaxConcurrentLoads"] = "3" });
        builder.Services.Configure<CacheAsideOptions>(builder.Configuration.GetSection("Cache"));
        builder.Services.AddCacheAside(o => o.KeyPrefix = "x:");
        using IHost host = builder.Build();

        CacheAsideOptions options = host.Services.GetRequiredService<Microsoft.Extensions.Options.IOptions<CacheAsideOptions>>().Value;

        Assert.Equal((TimeSpan.FromSeconds(7), TimeSpan.FromMilliseconds(100), 3, "x:"), (options.Expiration, options.RemoteTimeout, options.MaxConcurrentLoads, options.KeyPrefix));
    }

    public static TheoryData<string, Action<CacheAsideOptions>> Wrong => new()
    {
        { nameof(CacheAsideOptions.Expiration), o => o.Expiration = TimeSpan.Zero },
        { nameof(CacheAsideOptions.LocalExpiration), o => o.LocalExpiration = TimeSpan.FromTicks(-1) },
        { nameof(CacheAsideOptions.NullExpiration), o => o.NullExpiration = TimeSpan.FromTicks(-1) },
        { nameof(CacheAsideOptions.MaxStale), o => o.MaxStale = TimeSpan.FromTicks(-1) },
        { nameof(CacheAsideOptions.IsolatedExpiration), o => o.IsolatedExpiration = TimeSpan.FromTicks(-1) },
        { nameof(CacheAsideOptions.RemoteTimeout), o => o.RemoteTimeout = TimeSpan.Zero },
        { nameof(CacheAsideOptions.RemoteTimeout), o => o.RemoteTimeout = TimeSpan.FromHours(1) },
        { nameof(CacheAsideOptions.SoftLoadTimeout), o => o.SoftLoadTimeout = TimeSpan.Zero },
        { nameof(CacheAsideOptions.LoadTimeout), o => o.LoadTimeout = Timeout.InfiniteTimeSpan },
        { nameof(CacheAsideOptions.MaxConcurrentLoads), o => o.MaxConcurrentLoads = 0 },
        { nameof(CacheAsideOptions.MaxPayloadBytes), o => o.MaxPayloadBytes = 0 },
        { nameof(CacheAsideOptions.LocalSizeLimit), o => o.LocalSizeLimit = -1 },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public async Task A_wrong_option_is_refused_by_name_when_made_and_when_the_host_starts(string name, Action<CacheAsideOptions> spoil)
    {
        var options = new CacheAsideOptions();
        spoil(options);
        Assert.Throws<ArgumentOutOfRangeException>(name, () => new CacheAside(CacheBackend.None, options));

        foreach (bool keyed in new[] { false, true })
        {
            HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
            _ = keyed ? builder.Services.AddKeyedCacheAside("a", spoil) : builder.Services.AddCacheAside(spoil);
            using IHost host = builder.Build();
            Exception refused = await Assert.ThrowsAnyAsync<Exception>(() => host.StartAsync());
            Assert.Contains(name, refused.Message, StringComparison.Ordinal);

            // by the validation itself: the host would also make the cache at its start, and fail then
            refused = Assert.ThrowsAny<Exception>(host.Services.GetRequiredService<Microsoft.Extensions.Options.IStartupValidator>().Validate);
            Assert.Contains(name, refused.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Health_is_degraded_while_L2_is_away_and_healthy_with_it_and_without_one()
    {
        string prefix = servers.NewPrefix();
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddCacheAside(o => o.KeyPrefix = prefix).AddRedis(servers.Redis.ConnectionString).AddHealthCheck();
        services.AddKeyedCacheAside("away").AddRedis("127.0.0.1:1").AddHealthCheck("away");
        services.AddKeyedCacheAside("none").AddHealthCheck("none");
        await using ServiceProvider provider = services.BuildServiceProvider();
        HealthCheckService health = provider.GetRequiredService<HealthCheckService>();
        await Until.LinkedAsync(provider.GetRequiredService<CacheAside>());
        await provider.GetRequiredKeyedService<CacheAside>("away").InvalidateAsync("k");

        HealthReport report = await health.CheckHealthAsync();

        Assert.Equal(HealthStatus.Healthy, report.Entries["cache"].Status);
        Assert.Equal(HealthStatus.Healthy, report.Entries["none"].Status);
        HealthReportEntry away = report.Entries["away"];
        Assert.Equal((HealthStatus.Degraded, 1), (away.Status, away.Data["invalidationsPending"]));
        Assert.NotEqual("Closed", away.Data["guard"]);
    }

    [Fact]
    public async Task A_registered_IDistributedCache_becomes_the_L2()
    {
        string prefix = servers.NewPrefix();
        await using ServiceProvider a = Provider();
        await using ServiceProvider b = Provider();
        var source = new Source();
        CacheAside one = a.GetRequiredService<CacheAside>(), other = b.GetRequiredService<CacheAside>();

        Assert.Equal(CacheStatus.Miss, (await one.GetOrLoadAsync("k", source.LoadAsync, tags: ["t"])).Status);
        await Until.TrueAsync(async () => (await other.GetOrLoadAsync("k", source.LoadAsync, Caches.PastMemory, ["t"])).Status == CacheStatus.HitDistributed, "the other finds it");
        source.Value = "v2";
        Assert.Equal(CacheDelivery.Delivered, await one.InvalidateAsync("k"));
        Assert.Equal("v2", (await other.GetOrLoadAsync("k", source.LoadAsync, Caches.PastMemory, ["t"])).Value);
        Assert.Equal(2, (await other.GetManyAsync([1, 2], id => $"m{id}", (ids, _) => Task.FromResult(ids.ToDictionary(id => id, id => id * 10)))).Count);

        ServiceProvider Provider()
        {
            var services = new ServiceCollection();
            services.AddStackExchangeRedisCache(o => o.Configuration = servers.Redis.ConnectionString);
            services.AddCacheAside(o => (o.KeyPrefix, o.RemoteTimeout) = (prefix, Until.Patience / 2));
            return services.BuildServiceProvider();
        }
    }

    [Fact]
    public async Task A_source_generated_context_serializes_its_types_without_reflection()
    {
        string prefix = servers.NewPrefix();
        var services = new ServiceCollection();
        services.AddCacheAside(o => o.KeyPrefix = prefix).AddJson(Json.Default).AddRedis(servers.Redis.ConnectionString);
        await using ServiceProvider provider = services.BuildServiceProvider();
        CacheAside cache = provider.GetRequiredService<CacheAside>();
        await Until.LinkedAsync(cache);

        await cache.SetAsync("k", new City("Delft", 106_000));
        CacheResult<City> read = await cache.GetOrLoadAsync<City>("k", _ => throw new InvalidOperationException("not asked"), Caches.PastMemory);
        await cache.SetAsync("other", new List<int> { 1 });

        Assert.Equal((CacheStatus.HitDistributed, new City("Delft", 106_000)), (read.Status, read.Value));
        await using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(servers.Redis.ConnectionString);
        Assert.Contains("{\"NAME\":\"Delft\",\"INHABITANTS\":106000}", Encoding.UTF8.GetString((await redis.GetDatabase().StringGetAsync(prefix + "v:k"))!), StringComparison.Ordinal);
        Assert.Equal([1], (await cache.GetOrLoadAsync<List<int>>("other", _ => throw new InvalidOperationException("not asked"))).Value);
    }

    [Fact]
    public async Task Every_call_is_counted_once_whatever_becomes_of_it()
    {
        var clock = Caches.Clock();
        string prefix = servers.NewPrefix();
        using var requests = new MetricSum("scaling.caching.requests");
        using var loads = new MetricSum("scaling.caching.load.duration");
        await using CacheAside cache = Caches.Local(o => (o.KeyPrefix, o.MaxConcurrentLoads, o.LoadQueueTimeout) = (prefix, 1, TimeSpan.Zero), clock);
        HybridCache hybrid = cache;
        var source = new Source();
        await cache.GetOrLoadAsync("k", source.LoadAsync);                                              // miss
        await cache.GetOrLoadAsync("k", source.LoadAsync);                                              // hit
        await hybrid.GetOrCreateAsync("k", async token => await source.LoadAsync(token));               // hit
        await cache.GetManyAsync([1, 2], id => $"m{id}", (ids, _) => Task.FromResult(ids.ToDictionary(id => id, id => "x")));     // 2 misses, 1 load
        await cache.GetManyAsync([1, 2], id => $"m{id}", (ids, _) => Task.FromResult(ids.ToDictionary(id => id, id => "x")));     // 2 hits
        clock.Advance(TimeSpan.FromMinutes(5) + Caches.Seconds(1));
        source.Fault = new IOException("away");
        await cache.GetOrLoadAsync("k", source.LoadAsync);                                              // stale
        await Assert.ThrowsAsync<IOException>(() => cache.GetOrLoadAsync("new", source.LoadAsync).AsTask());     // failed
        (source.Fault, source.Hold) = (null, new());
        using var leaves = new CancellationTokenSource();
        Task holder = cache.GetOrLoadAsync("held", source.LoadAsync, cancellationToken: leaves.Token).AsTask();   // cancelled
        await Assert.ThrowsAsync<CacheLoadShedException>(() => cache.GetOrLoadAsync("shed", source.LoadAsync).AsTask());   // shed
        await leaves.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => holder);

        (string, long)[] expected = [("hit_local", 4), ("hit_distributed", 0), ("miss", 3), ("stale", 1), ("bypass", 0), ("failed", 1), ("cancelled", 1), ("shed", 1)];
        Assert.Equal(expected, expected.Select(one => (one.Item1, requests.Of("scaling.caching.status", one.Item1, prefix))));
        Assert.Equal(11, requests.Of(prefix));
        await Until.TrueAsync(() => loads.Of(prefix) == 5, "every load is timed: two ok, two failed, one given up");
        Assert.Equal(2, loads.Of("outcome", "ok", prefix));
    }

    internal sealed record City(string Name, int Inhabitants);

    // Names that reflection would not choose: what they show is that the context was asked.
    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseUpper)]
    [JsonSerializable(typeof(City))]
    private sealed partial class Json : JsonSerializerContext;
}
