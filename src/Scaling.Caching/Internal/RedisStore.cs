using StackExchange.Redis;

namespace Scaling.Caching.Internal;

/// <summary>L2 in a Redis or a Redis Cluster, with leases, stamps and the bus.</summary>
internal sealed class RedisStore : IStore
{
    private static readonly TimeSpan TagLife = TimeSpan.FromDays(1);      // refreshed whenever a node looks; a lost stamp only invalidates

    private readonly ConfigurationOptions _configuration;
    private readonly string _prefix;
    private readonly RedisValue _leaseLife;
    private readonly RedisBus _bus;
    private readonly Lock _lock = new();
    private Task<IConnectionMultiplexer>? _connecting;
    private IDatabase? _database;

    public RedisStore(ConfigurationOptions configuration, CacheAsideOptions options)
    {
        _configuration = configuration.Clone();
        _configuration.AbortOnConnectFail = false;
        if (options.Guard.Enabled)
        {
            _configuration.BacklogPolicy = BacklogPolicy.FailFast;        // a call during a disconnect fails at once instead of queueing for seconds
            _configuration.ReconnectRetryPolicy = new LinearRetry((int)options.Guard.ProbeInterval.TotalMilliseconds);
        }

        _prefix = options.KeyPrefix;
        _leaseLife = (long)(options.LoadTimeout + TimeSpan.FromSeconds(10)).TotalMilliseconds;
        _bus = new RedisBus(RedisChannel.Literal(_prefix + "bus"), debt => Heard?.Invoke(debt), () => Cut?.Invoke());
        Name = string.Join(',', _configuration.EndPoints);
    }

    public string Name { get; }

    public bool HasBus => true;

    public Action<Debt>? Heard { get; set; }

    public Action? Cut { get; set; }

    public bool IsAnswer(Exception exception) => exception is RedisServerException
        && !(exception.Message.StartsWith("LOADING", StringComparison.Ordinal)
            || exception.Message.StartsWith("CLUSTERDOWN", StringComparison.Ordinal)
            || exception.Message.StartsWith("MASTERDOWN", StringComparison.Ordinal)
            || exception.Message.StartsWith("READONLY", StringComparison.Ordinal)
            || exception.Message.StartsWith("MISCONF", StringComparison.Ordinal));

    public async Task PingAsync()
    {
        IDatabase database = await ConnectedAsync().ConfigureAwait(false);
        await database.PingAsync().ConfigureAwait(false);
    }

    public async Task ListenAsync(bool prove)
    {
        IDatabase database = await ConnectedAsync().ConfigureAwait(false);
        await _bus.ListenAsync(database.Multiplexer, prove).ConfigureAwait(false);
    }

    public async Task<StoredBytes> FetchAsync(string key)
    {
        IDatabase database = await ConnectedAsync().ConfigureAwait(false);
        RedisKey entry = EntryKey(key);

        // the time first: should the entry be replaced in between, the new value gets the old one's shorter life, never the reverse
        Task<TimeSpan?> life = database.KeyTimeToLiveAsync(entry);
        Task<Lease<byte>?> bytes = database.StringGetLeaseAsync(entry);
        try
        {
            await Task.WhenAll(life, bytes).ConfigureAwait(false);
        }
        catch (RedisServerException exception) when (exception.Message.StartsWith("WRONGTYPE", StringComparison.Ordinal))
        {
            return default;
        }

        Lease<byte>? found = await bytes.ConfigureAwait(false);
        return found is null ? default : new StoredBytes(found.Memory, await life.ConfigureAwait(false) ?? TimeSpan.Zero, found);
    }

    public async Task<StoredBytes> LeaseAsync(string key, byte[] lease, bool replace)
    {
        RedisResult found = await EvaluateAsync(RedisScripts.Lease, EntryKey(key), lease, _leaseLife, replace ? "1" : "0").ConfigureAwait(false);
        return new StoredBytes(found.IsNull ? lease : (byte[])found!, TimeToLive: null);
    }

    public async Task<bool> WriteAsync(string key, long expectedStamp, ReadOnlyMemory<byte> envelope, TimeSpan timeToLive)
    {
        RedisResult written = await EvaluateAsync(
            RedisScripts.Write, EntryKey(key), BitConverter.GetBytes(expectedStamp), envelope, (long)timeToLive.TotalMilliseconds).ConfigureAwait(false);
        return (int)written == 1;
    }

    public Task InvalidateAsync(string key, byte[]? lease) => EvaluateAsync(
        RedisScripts.Invalidate, EntryKey(key), lease ?? [], _leaseLife, _bus.Channel, _bus.Message(new Debt(DebtKind.Key, key)));

    public async Task<long> TagStampAsync(string tag, long stampIfNone)
    {
        RedisResult stamp = await EvaluateAsync(
            RedisScripts.TagStamp, TagKey(tag), stampIfNone, TagLifeMilliseconds, _bus.Channel, _bus.Message(new Debt(DebtKind.Tag, tag))).ConfigureAwait(false);
        return (long)stamp;
    }

    public Task InvalidateTagAsync(string tag, long stamp) => EvaluateAsync(
        RedisScripts.InvalidateTag, TagKey(tag), stamp, TagLifeMilliseconds, _bus.Channel, _bus.Message(new Debt(DebtKind.Tag, tag)));

    public async ValueTask DisposeAsync()
    {
        if (_connecting is { IsCompletedSuccessfully: true } connected)
        {
            IConnectionMultiplexer multiplexer = await connected.ConfigureAwait(false);
            await multiplexer.CloseAsync(allowCommandsToComplete: false).ConfigureAwait(false);
            multiplexer.Dispose();
        }
    }

    private static RedisValue TagLifeMilliseconds => (long)TagLife.TotalMilliseconds;

    private RedisKey EntryKey(string key) => $"{_prefix}v:{key}";

    private RedisKey TagKey(string tag) => $"{_prefix}t:{tag}";

    private async Task<RedisResult> EvaluateAsync(string script, RedisKey key, params RedisValue[] arguments)
    {
        IDatabase database = await ConnectedAsync().ConfigureAwait(false);
        return await database.ScriptEvaluateAsync(script, [key], arguments).ConfigureAwait(false);
    }

    private ValueTask<IDatabase> ConnectedAsync() => _database is { } database ? new(database) : ConnectAsync();

    private async ValueTask<IDatabase> ConnectAsync()
    {
        Task<IConnectionMultiplexer> connecting;
        lock (_lock)
        {
            if (_connecting is null or { IsFaulted: true })
            {
                _connecting = OpenAsync();
            }

            connecting = _connecting;
        }

        IConnectionMultiplexer multiplexer = await connecting.ConfigureAwait(false);
        return _database = multiplexer.GetDatabase();
    }

    private async Task<IConnectionMultiplexer> OpenAsync()
    {
        ConnectionMultiplexer multiplexer = await ConnectionMultiplexer.ConnectAsync(_configuration).ConfigureAwait(false);
        multiplexer.ConnectionFailed += (_, failure) => _bus.OnConnectionFailed(failure);
        return multiplexer;
    }
}
