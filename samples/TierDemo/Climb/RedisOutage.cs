using System.Diagnostics;
using StackExchange.Redis;
using TierDemo.Load;
using TierDemo.Servers;

namespace TierDemo.Climb;

/// <summary>Kills Redis under a steady load of reads, revives it, and tells what the callers noticed.</summary>
internal sealed class RedisOutage(Backends backends, int tier, Uri url, int users, TimeSpan length)
{
    public const double Rate = 400;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40); // the guide allows about 30 s

    // 5 s, less in a short climb; whole seconds of it are compared.
    private readonly TimeSpan _phase = TimeSpan.FromSeconds(Math.Clamp(length.TotalSeconds * 5 / 3, 2, 5));

    /// <exception cref="OperationCanceledException">Cancelled; the load has ended.</exception>
    public async Task<Outage> RunAsync(CancellationToken cancellationToken)
    {
        var plan = new LoadPlan(url, Workload.Of(LoadRequest.Get($"/api/users/{{1..{users}}}"))) { Connections = 100, Duration = 3 * _phase, Rate = Rate };
        var watch = Stopwatch.StartNew();
        (LoadResult load, (TimeSpan killed, TimeSpan returned, TimeSpan? hitsAgainAfter)) = await LoadMeanwhile.RunAsync(
            plan,
            async () =>
            {
                await Task.Delay(_phase * 0.8, cancellationToken);
                TimeSpan killedAt = watch.Elapsed;
                await backends.KillRedisAsync(tier, cancellationToken);
                await Task.Delay(_phase, cancellationToken);
                await backends.ReviveRedisAsync(tier, cancellationToken);
                TimeSpan returnedAt = watch.Elapsed;
                return (killedAt, returnedAt, await HitsAgainAsync(cancellationToken));
            },
            cancellationToken);
        return Outage.Split(load, killed, returned, hitsAgainAfter);
    }

    /// <summary>Redis came back empty: it serves again when it holds keys again, and a user just read is a hit.</summary>
    private async Task<TimeSpan?> HitsAgainAsync(CancellationToken cancellationToken)
    {
        var watch = Stopwatch.StartNew();
        var options = ConfigurationOptions.Parse((tier >= 4 ? backends.Settings.RedisCluster : backends.Settings.Redis)!);
        options.AbortOnConnectFail = false;
        await using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(options).WaitAsync(cancellationToken);
        using var client = new HttpClient();
        while (watch.Elapsed < Patience)
        {
            try
            {
                if (await KeysAsync(redis) > 0 && await IsHitAsync(client, cancellationToken))
                {
                    return watch.Elapsed;
                }
            }
            catch (Exception exception) when (exception is RedisException or TimeoutException or HttpRequestException)
            {
                // not yet
            }

            await Task.Delay(50, cancellationToken);
        }

        return null;
    }

    private static async Task<long> KeysAsync(ConnectionMultiplexer redis)
    {
        long keys = 0;
        foreach (IServer server in redis.GetServers())
        {
            keys += await server.DatabaseSizeAsync();
        }

        return keys;
    }

    private async Task<bool> IsHitAsync(HttpClient client, CancellationToken cancellationToken)
    {
        (await client.GetAsync(new Uri(url, "api/users/1"), cancellationToken)).Dispose();
        using HttpResponseMessage second = await client.GetAsync(new Uri(url, "api/users/1"), cancellationToken);
        return second.Headers.TryGetValues("x-cache", out IEnumerable<string>? values) && values.Contains("HIT");
    }
}
