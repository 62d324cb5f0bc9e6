using FsCheck.Xunit;
using Scaling.Caching.Internal;

namespace Scaling.Caching.Tests;

/// <summary>One rule for every key and tag, whatever it contains and whatever is done with it.</summary>
public class KeyTests(Servers servers)
{
    private static readonly string[] s_keys =
    [
        "", " ", "\t\n\r", "a b", "a\0b", "\0", "\u0001", "\u0001a", "*", "a*?[b]", "{tag}x", "{}", "user:{42}:x", "a:b", "ä", "😀", "\u200B",
        "\uD800", "\uD801", "\uDC00\uD800", "a\uD83D", "a\uDE00", new('k', 1024), new('k', 1025), new('x', 1_000_000), new('\uD800', 3_000),
    ];

    [Fact]
    public async Task Keys_of_any_content_are_set_got_and_removed_and_never_meet()
    {
        string prefix = servers.NewPrefix();
        await using CacheAside a = await servers.NodeAsync(prefix);
        await using CacheAside b = await servers.NodeAsync(prefix);
        for (int i = 0; i < s_keys.Length; i++)
        {
            await a.SetAsync(s_keys[i], $"value {i}");
        }

        for (int i = 0; i < s_keys.Length; i++)
        {
            CacheResult<string> hit = await b.GetOrLoadAsync(s_keys[i], _ => Task.FromResult("loaded"));
            Assert.Equal((i, CacheStatus.HitDistributed, $"value {i}"), (i, hit.Status, hit.Value));
            Assert.Equal(CacheStatus.HitLocal, (await a.GetOrLoadAsync(s_keys[i], _ => Task.FromResult("loaded"))).Status);
        }

        for (int i = 0; i < s_keys.Length; i++)
        {
            await b.RemoveAsync(s_keys[i]);
            CacheResult<string> miss = await a.GetOrLoadAsync(s_keys[i], _ => Task.FromResult("loaded"), Caches.PastMemory);
            Assert.Equal((i, CacheStatus.Miss, "loaded"), (i, miss.Status, miss.Value));
            for (int j = i + 1; j < s_keys.Length; j++)
            {
                Assert.Equal($"value {j}", (await b.GetOrLoadAsync(s_keys[j], _ => Task.FromResult("loaded"))).Value);
            }
        }
    }

    [Fact]
    public async Task Tags_of_any_content_drop_their_own_entries()
    {
        await using CacheAside cache = await servers.NodeAsync();
        string[] tags = [.. s_keys.Where(tag => tag != "*")];
        for (int i = 0; i < tags.Length; i++)
        {
            await cache.SetAsync($"k{i}", $"value {i}", tags: [tags[i], "all"]);
        }

        for (int i = 0; i < tags.Length; i++)
        {
            await cache.RemoveByTagAsync(tags[i]);
            Assert.Equal((i, CacheStatus.Miss), (i, (await cache.GetOrLoadAsync($"k{i}", _ => Task.FromResult("loaded"), tags: [tags[i], "all"])).Status));
            int next = (i + 1) % tags.Length;
            Assert.NotEqual(CacheStatus.Miss, (await cache.GetOrLoadAsync($"k{next}", _ => Task.FromResult("loaded"), tags: [tags[next], "all"])).Status);
        }
    }

    [Property]
    public bool Different_keys_have_different_names_in_Redis(string one, string other) =>
        one is null || other is null || one == other == (CacheKey.Normalize(one) == CacheKey.Normalize(other));

    [Property]
    public bool A_name_in_Redis_is_well_formed_and_not_long(string key, bool breaks)
    {
        string name = CacheKey.Normalize(breaks ? key + "\uD800" : key ?? "");
        return name.Length <= 1024 && System.Text.Encoding.UTF8.GetString(System.Text.Encoding.UTF8.GetBytes(name)) == name;
    }

    [Fact]
    public async Task A_null_key_or_tag_is_refused_by_name()
    {
        await using CacheAside cache = Caches.Local();

        await Assert.ThrowsAsync<ArgumentNullException>("key", async () => await cache.GetOrLoadAsync(null!, _ => Task.FromResult("")));
        await Assert.ThrowsAsync<ArgumentNullException>("key", async () => await cache.RemoveAsync((string)null!));
        await Assert.ThrowsAsync<ArgumentException>("tags", async () => await cache.SetAsync("k", "v", tags: ["t", null!]));
        await Assert.ThrowsAsync<ArgumentException>("tags", async () => await cache.SetAsync("k", "v", tags: Enumerable.Range(0, 256).Select(i => $"t{i}")));
    }
}
