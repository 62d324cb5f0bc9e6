using LocalServices;
namespace Scaling.Caching.Tests;

public class CacheAsideTests(Servers servers)
{
    [Fact]
    public async Task A_miss_takes_its_lease_in_the_trip_that_finds_nothing_and_a_hit_takes_none()
    {
        await using LocalRedis redis = await LocalRedis.StartAsync();
        await using CacheAside cache = Outage.Node(CacheBackend.Redis(redis.ConnectionString), configure: o => o.Guard.Timeout = Until.Patience / 2);
        await Until.LinkedAsync(cache);
        var source = new Source();
        await Outage.StoreAsync(cache, redis, source, "first");        // the scripts are loaded, the stamps known
        int scripts = await ScriptsAsync();

        await Outage.StoreAsync(cache, redis, source, "k");
        Assert.Equal(scripts + 1, await ScriptsAsync());        // the write
        string stored = await redis.CommandAsync(["GET", "n:v:k"]);
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(CacheStatus.HitDistributed, (await cache.GetOrLoadAsync("k", source.LoadAsync, Caches.PastMemory)).Status);
        }

        Assert.Equal(stored, await redis.CommandAsync(["GET", "n:v:k"]));
        Assert.Equal(scripts + 1, await ScriptsAsync());

        async Task<int> ScriptsAsync() => (await redis.CommandAsync(["INFO", "commandstats"])).Split('\n')
            .Where(line => line.StartsWith("cmdstat_eval", StringComparison.Ordinal))
            .Sum(line => int.Parse(line.Split("calls=")[1].Split(',')[0], System.Globalization.CultureInfo.InvariantCulture));
    }

    [Fact]
    public async Task A_value_is_loaded_once_then_hit_in_memory_and_on_another_node_in_Redis()
    {
        string prefix = servers.NewPrefix();
        await using CacheAside a = await servers.NodeAsync(prefix);
        await using CacheAside b = await servers.NodeAsync(prefix);
        var source = new Source();

        CacheResult<string> first = await a.GetOrLoadAsync("k", source.LoadAsync);
        CacheResult<string> second = await a.GetOrLoadAsync("k", source.LoadAsync);

        Assert.Equal((CacheStatus.Miss, "v1"), (first.Status, first.Value));
        Assert.Equal((CacheStatus.HitLocal, "v1"), (second.Status, second.Value));
        await Until.TrueAsync(async () => (await b.GetOrLoadAsync("k", source.LoadAsync)).Status == CacheStatus.HitDistributed || source.Loads > 1, "the other node hits in Redis");
        Assert.InRange(source.Loads, 1, 2);     // the write to Redis goes on behind the first caller's back, so the other node may load once itself
    }

    [Fact]
    public async Task An_invalidation_reaches_the_memory_of_every_node()
    {
        string prefix = servers.NewPrefix();
        await using CacheAside a = await servers.NodeAsync(prefix);
        await using CacheAside b = await servers.NodeAsync(prefix);
        var source = new Source();
        await a.GetOrLoadAsync("k", source.LoadAsync);
        await b.GetOrLoadAsync("k", source.LoadAsync);

        source.Value = "v2";
        Assert.Equal(CacheDelivery.Delivered, await a.InvalidateAsync("k"));

        Assert.Equal("v2", (await a.GetOrLoadAsync("k", source.LoadAsync)).Value);
        await Until.TrueAsync(async () => (await b.GetOrLoadAsync("k", source.LoadAsync)).Value == "v2", "the other node hears of it");
    }

    [Fact]
    public async Task A_tag_drops_its_entries_on_every_node_and_no_others()
    {
        string prefix = servers.NewPrefix();
        await using CacheAside a = await servers.NodeAsync(prefix);
        await using CacheAside b = await servers.NodeAsync(prefix);
        var tagged = new Source();
        var other = new Source();
        foreach (CacheAside node in new[] { a, b })
        {
            await node.GetOrLoadAsync("k", tagged.LoadAsync, tags: ["users", "team:1"]);
            await node.GetOrLoadAsync("o", other.LoadAsync, tags: ["orders"]);
        }

        tagged.Value = other.Value = "v2";
        await a.InvalidateTagAsync("users");

        Assert.Equal("v2", (await a.GetOrLoadAsync("k", tagged.LoadAsync, tags: ["users", "team:1"])).Value);
        await Until.TrueAsync(async () => (await b.GetOrLoadAsync("k", tagged.LoadAsync, tags: ["users", "team:1"])).Value == "v2", "the other node hears of it");
        Assert.Equal("v1", (await a.GetOrLoadAsync("o", other.LoadAsync, tags: ["orders"])).Value);
        Assert.Equal("v1", (await b.GetOrLoadAsync("o", other.LoadAsync, tags: ["orders"])).Value);
    }

    [Fact]
    public async Task A_set_value_is_served_everywhere_without_a_load()
    {
        string prefix = servers.NewPrefix();
        await using CacheAside a = await servers.NodeAsync(prefix);
        await using CacheAside b = await servers.NodeAsync(prefix);
        var source = new Source();
        await b.GetOrLoadAsync("k", source.LoadAsync);

        await a.SetAsync("k", "set");

        Assert.Equal((CacheStatus.HitLocal, "set"), await ReadAsync(a));
        await Until.TrueAsync(async () => (await ReadAsync(b)).Item2 == "set", "the other node has it");
        Assert.Equal(1, source.Loads);

        async Task<(CacheStatus, string)> ReadAsync(CacheAside node)
        {
            CacheResult<string> result = await node.GetOrLoadAsync("k", source.LoadAsync);
            return (result.Status, result.Value);
        }
    }
}
