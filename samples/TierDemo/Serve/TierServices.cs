using Npgsql;
using TierDemo.Servers;
using TierDemo.Users;

namespace TierDemo.Serve;

/// <summary>The ladder: which store and which cache a tier has.</summary>
internal static class TierServices
{
    public static async Task AddAsync(IServiceCollection services, WorkerSettings settings)
    {
        BackendSettings backends = settings.Backends;
        switch (settings.Tier)
        {
            case 1:
                AddStore(services, Pool(backends.Primary, 10, prepare: false), reads: null);
                break;
            case 2:
                // Multiplexing: many commands travel over one connection at once, so Postgres wakes up less often; a list took it a third of the work.
                AddStore(services, Pool(backends.Primary, Share(40, settings), prepare: true, multiplex: true), reads: null);
                break;
            case 3:
                NpgsqlDataSource writes = Pool(backends.PgBouncer ?? backends.Primary, Share(200, settings), prepare: backends.PgBouncer is null);
                AddStore(services, writes, backends.Replica is null ? null : Pool(backends.Replica, Share(200, settings), prepare: backends.PgBouncer is null));
                AddCache(services, backends.Redis!, guard: false);
                break;
            default:
                UserShards shards = await UserShards.OpenAsync(
                    new ShardDirectory(backends.Primary), shard => Pool(shard, Share(60, settings), prepare: true), CancellationToken.None);
                services.AddSingleton<IUserStore>(new ShardedUserStore(Pool(backends.Primary, 4, prepare: true), shards, new ShardReads(settings.Shed), TimeProvider.System));
                AddCache(services, backends.RedisCluster!, guard: true);
                break;
        }
    }

    private static void AddStore(IServiceCollection services, NpgsqlDataSource writes, NpgsqlDataSource? reads) =>
        services.AddSingleton<IUserStore>(new SingleUserStore(writes, reads ?? writes));

    private static void AddCache(IServiceCollection services, string redis, bool guard) =>
        services.AddCacheAside(options =>
        {
            options.Expiration = TimeSpan.FromMinutes(5);
            options.NullExpiration = TimeSpan.FromSeconds(2);
            // Tier 3 is what most people run: HybridCache and Redis, no circuit breaker. Tier 4 adds it.
            options.RemoteTimeout = guard ? options.RemoteTimeout : Timeout.InfiniteTimeSpan;
        }).AddRedis(redis);

    // A pool is per process: the workers share out what the server should see.
    private static int Share(int connections, WorkerSettings settings) => Math.Max(4, connections / settings.Workers);

    private static NpgsqlDataSource Pool(string connectionString, int size, bool prepare, bool multiplex = false)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString) { MaxPoolSize = size, Timeout = 15, Multiplexing = multiplex };
        if (prepare)
        {
            settings.MaxAutoPrepare = 20;
            // No plan here depends on its parameters, but LIMIT $1 alone makes Postgres plan a list anew each time: a third of its work.
            settings.Options = $"-c plan_cache_mode=force_generic_plan {settings.Options}"; // a user's own come last: the last one wins
        }

        return NpgsqlDataSource.Create(settings);
    }
}
