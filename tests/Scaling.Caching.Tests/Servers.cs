using LocalServices;
using Scaling.Caching.Internal;
using Scaling.Caching.Tests;

[assembly: CollectionBehavior(CollectionBehavior.CollectionPerAssembly)]     // the tests pause and kill one shared Redis

[assembly: AssemblyFixture(typeof(Servers))]


namespace Scaling.Caching.Tests;

/// <summary>One real redis-server for the whole run, on which every test uses a key prefix of its own.</summary>
public sealed class Servers : IAsyncLifetime
{
    private int _caches;

    public LocalRedis Redis { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Redis = await LocalRedis.StartAsync();

    public ValueTask DisposeAsync() => Redis.DisposeAsync();

    public string NewPrefix() => $"t{Interlocked.Increment(ref _caches)}:";

    /// <summary>
    /// A node over the shared Redis, linked and hearing before it is returned. Its guard is patient, so that a starved machine is no outage;
    /// a test about timeouts or a Redis that is away sets its own.
    /// </summary>
    public async Task<CacheAside> NodeAsync(string? prefix = null, Action<CacheAsideOptions>? configure = null, TimeProvider? time = null, IServiceProvider? services = null)
    {
        var options = new CacheAsideOptions { KeyPrefix = prefix ?? NewPrefix(), Jitter = 0, EarlyRefresh = 0 };
        options.Guard.Timeout = Until.Patience / 2;
        configure?.Invoke(options);
        var cache = new CacheAside(CacheBackend.Redis(Redis.ConnectionString), options, time, services);
        await Until.LinkedAsync(cache);
        return cache;
    }
}

public static class LocalRedisExtensions
{
    /// <summary>Starts a server again that a failed test has left dead.</summary>
    public static async Task EnsureUpAsync(this LocalRedis redis)
    {
        try
        {
            await redis.CommandAsync(["ECHO", "up"]);
        }
        catch (InvalidOperationException)
        {
            await redis.RestartAsync();
        }
    }
}

public static class Until
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>Awaits a condition; fails with its name when it does not come true.</summary>
    public static async Task TrueAsync(Func<Task<bool>> condition, string what)
    {
        var clock = System.Diagnostics.Stopwatch.StartNew();
        while (!await condition())
        {
            Assert.True(clock.Elapsed < Patience, $"Not within {Patience.TotalSeconds} s: {what}");
            await Task.Delay(5);
        }
    }

    public static Task TrueAsync(Func<bool> condition, string what) => TrueAsync(() => Task.FromResult(condition()), what);

    internal static Task LinkedAsync(CacheAside cache) =>
        TrueAsync(() => cache.Remote!.State == GuardState.Closed && cache.Remote.DeafSince == long.MaxValue, "the guard is closed and the bus is heard");

    internal static Task OpenAsync(CacheAside cache) => TrueAsync(() => cache.Remote!.State == GuardState.Open, "the guard is open");
}

/// <summary>The source of truth behind a cache: it counts loads and can be held, failed and changed.</summary>
public sealed class Source(string value = "v1")
{
    private int _loads;

    public string Value { get; set; } = value;

    public int Loads => _loads;

    public TaskCompletionSource? Hold { get; set; }

    public Exception? Fault { get; set; }

    /// <summary>The value is read when the load begins and returned when it is let go: what a slow query does.</summary>
    public async Task<string> LoadAsync(CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _loads);
        string value = Value;
        if (Hold is { } hold)
        {
            await hold.Task.WaitAsync(cancellationToken);
        }

        return Fault is { } fault ? throw fault : value;
    }
}
