using StackExchange.Redis;
using TierDemo.Load;
using TierDemo.Servers;

namespace TierDemo.Climb;

/// <summary>Kills Redis under a steady load of reads, revives it, and tells what the callers noticed.</summary>
internal sealed class RedisOutage(Backends backends, int tier, Uri url, int users)
{
    private const double Rate = 400;
    private static readonly TimeSpan Phase = TimeSpan.FromSeconds(4);

    public async Task<Outage> RunAsync(Gauge gauge)
    {
        CancellationToken cancellationToken = gauge.CancellationToken;
        var plan = new LoadPlan(url, Workload.Of(LoadRequest.Get($"/api/users/{{1..{users}}}")))
        {
            Connections = 100,
            Duration = Phase * 4,
            Rate = Rate,
        };
        DateTime start = DateTime.UtcNow;
        Task<LoadResult> load = LoadGenerator.RunAsync(plan, null, cancellationToken);
        await Task.Delay(Phase, cancellationToken);
        TimeSpan killed = DateTime.UtcNow - start;
        await backends.KillRedisAsync(tier, cancellationToken);
        await Task.Delay(Phase, cancellationToken);
        await backends.ReviveRedisAsync(tier, cancellationToken);
        TimeSpan revived = DateTime.UtcNow - start;
        TimeSpan? again = await HitsAgainAsync(start + revived, cancellationToken);
        LoadResult result = await load;
        // Latencies are listed by when the answer came: what was stalled by the outage is answered just after it.
        TimeSpan settled = revived + (again ?? TimeSpan.Zero) + TimeSpan.FromSeconds(1);
        return new Outage(
            result.Between(TimeSpan.FromSeconds(1), killed).Latency.P99,
            result.Between(killed, settled).Latency.P99,
            settled < result.Elapsed ? result.Between(settled, result.Elapsed).Latency.P99 : TimeSpan.Zero,
            result.Requests,
            result.ErrorCount,
            again);
    }

    /// <summary>Redis came back empty: it serves again when it holds keys again, and a key just read is a hit.</summary>
    private async Task<TimeSpan?> HitsAgainAsync(DateTime revived, CancellationToken cancellationToken)
    {
        var options = ConfigurationOptions.Parse((tier >= 4 ? backends.Settings.RedisCluster : backends.Settings.Redis)!);
        options.AbortOnConnectFail = false;
        await using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(options);
        using var client = new HttpClient();
        while (DateTime.UtcNow - revived < TimeSpan.FromSeconds(30))
        {
            try
            {
                long keys = 0;
                foreach (IServer server in redis.GetServers())
                {
                    keys += await server.DatabaseSizeAsync();
                }

                using HttpResponseMessage first = await client.GetAsync(new Uri(url, "api/users/1"), cancellationToken);
                using HttpResponseMessage second = await client.GetAsync(new Uri(url, "api/users/1"), cancellationToken);
                if (keys > 0 && second.Headers.TryGetValues("x-cache", out IEnumerable<string>? values) && values.Contains("HIT"))
                {
                    return DateTime.UtcNow - revived;
                }
            }
            catch (Exception exception) when (exception is RedisException or TimeoutException or HttpRequestException)
            {
                // not yet
            }

            await Task.Delay(100, cancellationToken);
        }

        return null;
    }
}
