using LocalServices;

namespace TierDemo.Servers;

/// <summary>The servers behind the API: those the user named, and private ones for the rest.</summary>
public sealed class Backends : IAsyncDisposable
{
    private readonly PostgresBackend _postgres;
    private readonly RedisBackend? _redis;

    private Backends(PostgresBackend postgres, RedisBackend? redis) => (_postgres, _redis) = (postgres, redis);

    /// <summary>What the worker processes need to know.</summary>
    public BackendSettings Settings => _postgres.Settings with { Redis = _redis?.Single, RedisCluster = _redis?.Cluster };

    /// <summary>True when Redis can be killed and revived from here.</summary>
    public bool CanStopRedis => _redis?.CanStop ?? false;

    /// <summary>True when Redis can be stopped in its tracks (SIGSTOP) from here.</summary>
    public bool CanPauseRedis => _redis?.CanPause ?? false;

    /// <summary>Starts what the tiers up to <paramref name="highestTier"/> need and was not named.</summary>
    /// <exception cref="MissingServerException">A server is neither named nor installed.</exception>
    public static async Task<Backends> StartAsync(BackendOptions options, int highestTier, Action<string> say, CancellationToken cancellationToken)
    {
        PostgresBackend postgres = await PostgresBackend.StartAsync(options, highestTier, say, cancellationToken);
        try
        {
            RedisBackend? redis = highestTier < 3 ? null : await RedisBackend.StartAsync(options, highestTier, say, cancellationToken);
            return new Backends(postgres, redis);
        }
        catch
        {
            await postgres.DisposeAsync();
            throw;
        }
    }

    /// <summary>Kills tier 3's Redis or tier 4's cluster, as a crash would.</summary>
    public Task KillRedisAsync(int tier, CancellationToken cancellationToken) => Redis.KillAsync(tier, cancellationToken);

    /// <summary>Starts it again, empty.</summary>
    public Task ReviveRedisAsync(int tier, CancellationToken cancellationToken) => Redis.ReviveAsync(tier, cancellationToken);

    /// <summary>Stops Redis in its tracks: connections stay open, nothing answers.</summary>
    public void PauseRedis(int tier) => Redis.Pause(tier);

    /// <summary>Ends a pause.</summary>
    public void ResumeRedis(int tier) => Redis.Resume(tier);

    public async ValueTask DisposeAsync()
    {
        if (_redis is not null)
        {
            await _redis.DisposeAsync();
        }

        await _postgres.DisposeAsync();
    }

    private RedisBackend Redis => _redis ?? throw new InvalidOperationException("Tiers 1 and 2 have no Redis.");
}
