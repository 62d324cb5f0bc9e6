using StackExchange.Redis;
using TierDemo.Load;

namespace TierDemo.Tests;

public class RedisOutageTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Tier_4_fails_no_request_while_Redis_is_killed_or_paused_and_uses_it_again_afterwards(bool killed)
    {
        await using Tier tier = await Tier.StartAsync(4);
        var plan = new LoadPlan(tier.Url, Workload.Of(LoadRequest.Get("/api/users/{1..1000}"))) { Connections = 20, Rate = 200, Duration = TimeSpan.FromSeconds(6) };
        Task<LoadResult> load = LoadGenerator.RunAsync(plan);
        await Until(async () => await KeysAsync(tier) > 0, "Redis holds users");

        if (killed)
        {
            await tier.Backends.KillRedisAsync(4, CancellationToken.None);
        }
        else
        {
            tier.Backends.PauseRedis(4);
        }

        LoadResult result = await load;     // most of the load ran without Redis
        Assert.Equal(0, result.ErrorCount);
        Assert.Equal(0, result.Unsent);

        if (killed)
        {
            await tier.Backends.ReviveRedisAsync(4, CancellationToken.None);
        }
        else
        {
            tier.Backends.ResumeRedis(4);
            await ClearAsync(tier);
        }

        int next = 0;
        await Until(
            async () =>
            {
                await tier.SendAsync(HttpMethod.Get, $"/api/users/{(next++ % 1_000) + 1}");
                return await KeysAsync(tier) > 0;
            },
            "Redis is filled again");
    }

    private static async Task<long> KeysAsync(Tier tier)
    {
        try
        {
            await using ConnectionMultiplexer redis = await ConnectAsync(tier);
            long keys = 0;
            foreach (IServer server in redis.GetServers())
            {
                keys += await server.DatabaseSizeAsync();
            }

            return keys;
        }
        catch (Exception exception) when (exception is RedisException or TimeoutException)
        {
            return 0;
        }
    }

    private static async Task ClearAsync(Tier tier)
    {
        await using ConnectionMultiplexer redis = await ConnectAsync(tier);
        foreach (IServer server in redis.GetServers())
        {
            await server.FlushDatabaseAsync();
        }
    }

    private static Task<ConnectionMultiplexer> ConnectAsync(Tier tier) =>
        ConnectionMultiplexer.ConnectAsync(tier.Backends.Settings.RedisCluster + ",allowAdmin=true");

    private static async Task Until(Func<Task<bool>> condition, string what)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!await condition())
        {
            Assert.False(deadline.IsCancellationRequested, $"Not within 30 s: {what}");
            await Task.Delay(50);
        }
    }
}
