using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.Time.Testing;
using Scaling.Caching.Internal;
using StackExchange.Redis;

namespace Scaling.Caching.Tests;

/// <summary>What nodes tell each other, and what they believe when they could not hear.</summary>
public sealed class BusTests(Servers servers)
{
    private static readonly HybridCacheEntryOptions PastMemory = new() { Flags = HybridCacheEntryFlags.DisableLocalCache };

    [Fact]
    public async Task After_a_cut_subscription_nothing_older_than_the_cut_is_served()
    {
        string prefix = servers.NewPrefix();
        await using CacheAside a = await servers.NodeAsync(prefix, o =>
        {
            o.RemoteTimeout = TimeSpan.FromSeconds(1);
            o.IsolatedExpiration = TimeSpan.FromHours(1);       // only the noticed gap can make it right
        });
        var source = new Source();
        for (int cut = 0; cut < 2; cut++)
        {
            string old = source.Value;
            Assert.Equal(old, (await a.GetOrLoadAsync("k", source.LoadAsync)).Value);
            source.Value = $"v{cut + 2}";

            // cut and invalidate in one step of the server: the message reaches nobody
            await CutAndInvalidateAsync(prefix, "k");

            await Until.TrueAsync(async () => (await a.GetOrLoadAsync("k", source.LoadAsync)).Value == source.Value, "the missed invalidation is noticed");
            await Until.LinkedAsync(a);
            Assert.Equal(source.Value, (await a.GetOrLoadAsync("k", source.LoadAsync)).Value);
        }
    }

    [Fact]
    public async Task A_hang_that_cuts_nothing_leaves_the_memory_believed()
    {
        await using CacheAside cache = await servers.NodeAsync(configure: o => o.RemoteTimeout = TimeSpan.FromMilliseconds(300));
        var source = new Source();
        await cache.GetOrLoadAsync("k", source.LoadAsync);
        servers.Redis.Pause();
        try
        {
            await using var load = new Load(cache, callers: 10, burst: 10);
            await Until.OpenAsync(cache);
        }
        finally
        {
            servers.Redis.Resume();
        }

        await Until.LinkedAsync(cache);
        Assert.Equal(CacheStatus.HitLocal, (await cache.GetOrLoadAsync("k", source.LoadAsync)).Status);
    }

    [Fact]
    public async Task A_node_whose_attempts_to_listen_were_abandoned_hears_every_message_once()
    {
        await using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(servers.Redis.ConnectionString);
        RedisChannel channel = RedisChannel.Literal(servers.NewPrefix() + "bus");
        int heard = 0;
        var bus = new RedisBus(channel) { Heard = Slowly };
        var other = new RedisBus(channel);
        servers.Redis.Pause();
        Task[] abandoned = [.. Enumerable.Range(0, 3).Select(_ => bus.ListenAsync(redis, prove: true))];
        servers.Redis.Resume();
        await bus.ListenAsync(redis, prove: true).WaitAsync(Until.Patience);

        for (int i = 0; i < 10; i++)
        {
            await redis.GetDatabase().PublishAsync(channel, other.Message(Debt.Key("k")));
        }

        await bus.ListenAsync(redis, prove: true).WaitAsync(Until.Patience);     // its echo comes after them
        Assert.Equal(10, heard);
        Assert.All(abandoned, task => _ = task.Exception);

        void Slowly(Debt debt)
        {
            Thread.Sleep(5);        // no echo may overtake a message that is still being heard
            heard++;
        }
    }

    [Fact]
    public async Task The_number_of_the_path_changes_exactly_when_something_may_have_been_missed()
    {
        await using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(servers.Redis.ConnectionString);
        var bus = new RedisBus(RedisChannel.Literal(servers.NewPrefix() + "bus"));
        int first = await bus.ListenAsync(redis, prove: true).WaitAsync(Until.Patience);
        Assert.Equal(first, await bus.ListenAsync(redis, prove: true).WaitAsync(Until.Patience));

        await servers.Redis.CommandAsync(["CLIENT", "KILL", "TYPE", "pubsub"]);

        await Until.TrueAsync(
            async () =>
            {
                Task<int> listening = bus.ListenAsync(redis, prove: true);
                return await Task.WhenAny(listening, Task.Delay(500)) == listening && listening.IsCompletedSuccessfully && await listening != first;
            },
            "the reconnected subscription has a new number");
    }

    [Theory]
    [InlineData(1, false)]      // the subscription was only slow: one socket, nothing missed
    [InlineData(2, true)]       // the next attempt subscribes anew, and what was sent between the two is gone
    public async Task Attempts_that_heard_nothing_are_a_gap_when_the_subscription_is_given_up(int attempts, bool isGap)
    {
        await using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(servers.Redis.ConnectionString);
        var bus = new RedisBus(RedisChannel.Literal(servers.NewPrefix() + "bus"));
        int first = await bus.ListenAsync(redis, prove: true).WaitAsync(Until.Patience);
        servers.Redis.Pause();
        for (int i = 0; i < attempts; i++)
        {
            _ = bus.ListenAsync(redis, prove: true);
        }

        Task<int> last = bus.ListenAsync(redis, prove: true);       // before the others can be heard
        servers.Redis.Resume();

        Assert.Equal(isGap, first != await last.WaitAsync(Until.Patience));
    }

    [Theory]
    [InlineData(10)]
    [InlineData(-10)]
    public async Task Tags_are_right_with_clocks_ten_minutes_apart(int minutes)
    {
        string prefix = servers.NewPrefix();
        var clockOfA = new FakeTimeProvider(DateTimeOffset.UtcNow);
        var clockOfB = new FakeTimeProvider(DateTimeOffset.UtcNow.AddMinutes(minutes));
        await using CacheAside a = await servers.NodeAsync(prefix, time: clockOfA);
        await using CacheAside b = await servers.NodeAsync(prefix, time: clockOfB);
        var source = new Source();
        for (int round = 1; round <= 3; round++)
        {
            string value = source.Value = $"v{round}";
            Assert.Equal(value, await SharedAsync(a, source));
            await Until.TrueAsync(async () => await SharedAsync(b, source) == value, "b has the value");
            source.Value = $"v{round}'";
            (CacheAside here, CacheAside there) = round % 2 == 0 ? (a, b) : (b, a);
            await here.InvalidateTagAsync("t");

            Assert.Equal(source.Value, await SharedAsync(here, source));
            await Until.TrueAsync(async () => await SharedAsync(there, source) == source.Value, "the other node hears of it");
            Assert.Equal(source.Value, await SharedAsync(here, source));
            int loads = source.Loads;
            await Until.TrueAsync(async () => await IsHitAsync(a, source) && await IsHitAsync(b, source), "what was loaded after the invalidation is kept");
            Assert.InRange(source.Loads, loads, loads + 4);
            await a.InvalidateTagAsync("t");
        }
    }

    [Fact]
    public async Task An_evicted_tag_marker_drops_what_bears_it_and_revives_nothing()
    {
        string prefix = servers.NewPrefix();
        await using CacheAside a = await servers.NodeAsync(prefix);
        var source = new Source();
        Assert.Equal("v1", await SharedAsync(a, source));
        await Until.TrueAsync(async () => await IsHitAsync(a, source), "the value is in Redis");
        await servers.Redis.CommandAsync(["COPY", $"{prefix}v:k", $"{prefix}old"]);
        source.Value = "v2";
        await a.InvalidateTagAsync("t");
        await servers.Redis.CommandAsync(["DEL", $"{prefix}t:t"]);                              // evicted
        await servers.Redis.CommandAsync(["COPY", $"{prefix}old", $"{prefix}v:k", "REPLACE"]);  // the old entry, as if it had never been overwritten

        await using CacheAside b = await servers.NodeAsync(prefix);
        Assert.Equal("v2", await SharedAsync(b, source));
        Assert.Equal("v2", await SharedAsync(a, source));
        await Until.TrueAsync(async () => await IsHitAsync(a, source) && await IsHitAsync(b, source), "the new marker serves everybody");
    }

    private async Task CutAndInvalidateAsync(string prefix, string key)
    {
        const string Script = "redis.call('SET', KEYS[1], ARGV[1], 'PX', 60000) return 1";
        await using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(servers.Redis.ConnectionString + ",allowAdmin=true");
        IBatch batch = redis.GetDatabase().CreateBatch();
        Task kill = batch.ExecuteAsync("CLIENT", "KILL", "TYPE", "pubsub");
        Task<RedisResult> invalidate = batch.ScriptEvaluateAsync(Script, [$"{prefix}v:{key}"], [Envelope.Void(Envelope.NewStamp())]);
        batch.Execute();
        await Task.WhenAll(kill, invalidate);
    }

    private static async Task<string> SharedAsync(CacheAside cache, Source source) =>
        await cache.GetOrCreateAsync<string>("k", async token => await source.LoadAsync(token), PastMemory, ["t"]);

    private static async Task<bool> IsHitAsync(CacheAside cache, Source source)
    {
        int loads = source.Loads;
        await SharedAsync(cache, source);
        return source.Loads == loads;
    }
}
