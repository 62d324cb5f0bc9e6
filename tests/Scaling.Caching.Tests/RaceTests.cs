using Microsoft.Extensions.Caching.Hybrid;

namespace Scaling.Caching.Tests;

/// <summary>A load that began before its key was removed, set or tagged out is kept nowhere: the interleavings are forced by holding the loader.</summary>
public sealed class RaceTests(Servers servers)
{
    private static readonly HybridCacheEntryOptions PastMemory = new() { Flags = HybridCacheEntryFlags.DisableLocalCache };
    private static readonly string[] Tags = ["users", "team:1"];

    public static TheoryData<string, bool> Interruptions { get; } = new()
    {
        { "remove", true }, { "remove", false }, { "tag", true }, { "tag", false }, { "everything", true }, { "everything", false }, { "set", true }, { "set", false },
    };

    [Theory]
    [MemberData(nameof(Interruptions))]
    public async Task A_load_overtaken_by_an_invalidation_is_kept_on_no_node(string how, bool onTheSameNode)
    {
        string prefix = servers.NewPrefix();
        await using CacheAside a = await servers.NodeAsync(prefix);
        await using CacheAside b = await servers.NodeAsync(prefix);
        var source = new Source { Hold = new TaskCompletionSource() };
        ValueTask<CacheResult<string>> overtaken = a.GetOrLoadAsync("k", source.LoadAsync, tags: Tags);
        await Until.TrueAsync(() => source.Loads == 1, "the load has read the old value");

        source.Value = "v2";
        await InterruptAsync(onTheSameNode ? a : b, how);
        Task<CacheResult<string>> later = a.GetOrLoadAsync("k", source.LoadAsync, tags: Tags).AsTask();     // begun after the invalidation was answered
        source.Hold.SetResult();
        source.Hold = null;

        Assert.Equal("v1", (await overtaken).Value);        // its callers asked before
        if (onTheSameNode)
        {
            Assert.Equal("v2", (await later).Value);        // on another node it may be a moment later: the bus
        }

        await Until.TrueAsync(async () => (await a.GetOrLoadAsync("k", source.LoadAsync, tags: Tags)).Value == "v2", "node a has heard");
        for (int i = 0; i < 20; i++)
        {
            Assert.Equal("v2", (await a.GetOrLoadAsync("k", source.LoadAsync, tags: Tags)).Value);
            Assert.Equal("v2", (await b.GetOrLoadAsync("k", source.LoadAsync, tags: Tags)).Value);
            Assert.Equal("v2", await PastMemoryAsync(a, source));
            Assert.Equal("v2", await PastMemoryAsync(b, source));
        }
    }

    [Fact]
    public async Task Of_two_nodes_that_load_at_once_the_one_overtaken_does_not_overwrite_the_other()
    {
        string prefix = servers.NewPrefix();
        await using CacheAside a = await servers.NodeAsync(prefix);
        await using CacheAside b = await servers.NodeAsync(prefix);
        var slow = new Source { Hold = new TaskCompletionSource() };
        ValueTask<CacheResult<string>> overtaken = a.GetOrLoadAsync("k", slow.LoadAsync);
        await Until.TrueAsync(() => slow.Loads == 1, "a has read the old value");
        await b.InvalidateAsync("k");
        var quick = new Source("v2");
        Assert.Equal("v2", (await b.GetOrLoadAsync("k", quick.LoadAsync)).Value);
        slow.Hold.SetResult();
        await overtaken;

        await using CacheAside c = await servers.NodeAsync(prefix);
        await Until.TrueAsync(async () => (await c.GetOrLoadAsync("k", quick.LoadAsync)).Value == "v2", "the newer value is in Redis");
        for (int i = 0; i < 20; i++)
        {
            Assert.Equal("v2", (await a.GetOrLoadAsync("k", quick.LoadAsync)).Value);
            Assert.Equal("v2", await PastMemoryAsync(a, quick));
        }
    }

    [Fact]
    public async Task An_overtaken_refresh_does_not_bring_the_old_value_back()
    {
        string prefix = servers.NewPrefix();
        await using CacheAside a = await servers.NodeAsync(prefix, o => o.EarlyRefresh = 10);
        await using CacheAside b = await servers.NodeAsync(prefix);
        var source = new Source();
        var brief = new HybridCacheEntryOptions { Expiration = TimeSpan.FromMilliseconds(200) };
        await a.GetOrLoadAsync("k", source.LoadAsync, brief);
        source.Hold = new TaskCompletionSource();
        Task<CacheResult<string>>? refreshing = null;
        await Until.TrueAsync(
            () =>
            {
                refreshing = a.GetOrLoadAsync("k", source.LoadAsync, brief).AsTask();
                return source.Loads == 2;
            },
            "a reader reloads the value");
        source.Value = "v2";
        await b.InvalidateAsync("k");
        source.Hold.SetResult();
        source.Hold = null;
        await refreshing!;

        await Until.TrueAsync(async () => (await a.GetOrLoadAsync("k", source.LoadAsync)).Value == "v2", "node a has heard");
        for (int i = 0; i < 20; i++)
        {
            Assert.Equal("v2", (await a.GetOrLoadAsync("k", source.LoadAsync)).Value);
            Assert.Equal("v2", await PastMemoryAsync(a, source));
        }
    }

    private static async Task InterruptAsync(CacheAside node, string how)
    {
        if (how == "set")
        {
            await node.SetAsync("k", "v2", tags: Tags);
            return;
        }

        Assert.Equal(CacheDelivery.Delivered, how switch
        {
            "remove" => await node.InvalidateAsync("k"),
            "tag" => await node.InvalidateTagAsync("team:1"),
            _ => await node.InvalidateTagAsync("*"),
        });
    }

    private static async Task<string> PastMemoryAsync(CacheAside cache, Source source) =>
        await cache.GetOrCreateAsync<string>("k", async token => await source.LoadAsync(token), PastMemory, Tags);
}
