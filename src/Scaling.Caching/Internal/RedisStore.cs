using System.Net;
using StackExchange.Redis;

namespace Scaling.Caching.Internal;

/// <summary>L2 in a Redis or a Redis Cluster, with leases, stamps and the bus.</summary>
internal sealed class RedisStore : IStore
{
    private static readonly string[] NotAnswers = ["LOADING", "CLUSTERDOWN", "MASTERDOWN", "READONLY", "MISCONF", "MOVED", "ASK", "TRYAGAIN"];
    private static readonly Task<bool> NotLeased = Task.FromResult(false);

    private readonly string _prefix;
    private readonly TimeSpan _leaseTime;
    private readonly RedisValue _leaseLife;
    private readonly RedisValue _voidLife;
    private readonly RedisValue _tagLife = (long)StoreLives.Tag.TotalMilliseconds;
    private readonly RedisTopology _topology;
    private readonly RedisConnection _connection;
    private readonly RedisBus _bus;
    private int _surveys;

    public RedisStore(ConfigurationOptions configuration, CacheAsideOptions options)
    {
        configuration = configuration.Clone();
        configuration.AbortOnConnectFail = false;
        if (options.Guard.Enabled)
        {
            configuration.BacklogPolicy = BacklogPolicy.FailFast;        // a call during a disconnect fails at once instead of queueing for seconds
            configuration.ReconnectRetryPolicy = new LinearRetry((int)options.Guard.ProbeInterval.TotalMilliseconds);
        }

        _prefix = options.KeyPrefix;
        _leaseTime = StoreLives.Lease(options);
        _leaseLife = (long)_leaseTime.TotalMilliseconds;
        _voidLife = (long)StoreLives.Void(options).TotalMilliseconds;
        _topology = new RedisTopology(string.Join(',', configuration.EndPoints.Select(RedisTopology.NameOf)));
        _connection = new RedisConnection(configuration, _topology) { Failed = OnFailed };
        _bus = new RedisBus(RedisChannel.Literal(_prefix + "bus"))
        {
            Heard = debt => Heard?.Invoke(debt),
            StampLost = tag => StampLost?.Invoke(tag),
        };
    }

    public IReadOnlyList<string> Nodes => _topology.Nodes;

    public IReadOnlyList<string> Epochs => _topology.Epochs;

    public bool HasBus => true;

    public Action<Debt>? Heard { get; set; }

    public Action<string>? StampLost { get; set; }

    public Action? Cut { get; set; }

    public Action<string, Exception?>? NodeLost { get; set; }

    // what Redis says about itself, or about where a key lives, is no answer
    public bool IsAnswer(Exception exception) =>
        exception is RedisServerException && !NotAnswers.Any(start => exception.Message.StartsWith(start, StringComparison.Ordinal));

    public string NodeOf(Debt place) => _topology.IsCluster
        ? _topology.NodeOf(_connection.SlotOf(place.Kind == DebtKind.Key ? EntryKey(place.Name) : TagKey(place.Name)))
        : _topology.Nodes[0];

    public string EpochOf(string key) => _topology.IsCluster ? _topology.EpochOf(_connection.SlotOf(EntryKey(key))) : TagNames.All;

    public Task SurveyAsync() => _connection.SurveyAsync(nudge: Interlocked.Increment(ref _surveys) % 4 == 0, tag => TagKey(tag));

    public Task PingAsync(string node) => _connection.PingAsync(node, tag => TagKey(tag));

    public async Task<int> ListenAsync(bool prove)
    {
        IDatabase database = await _connection.DatabaseAsync().ConfigureAwait(false);
        return await _bus.ListenAsync(database.Multiplexer, prove).ConfigureAwait(false);
    }

    public async Task<StoredBytes> FetchAsync(string key, byte[]? lease = null)
    {
        IDatabase database = await _connection.DatabaseAsync().ConfigureAwait(false);
        RedisKey entry = EntryKey(key);

        // the time first: should the entry be replaced in between, the new value gets the old one's shorter life, never the reverse.
        // The lease at the same time, without looking: a hit pays a command that does nothing, a miss saves a round trip
        Task<TimeSpan?> life = database.KeyTimeToLiveAsync(entry);
        Task<Lease<byte>?> bytes = database.StringGetLeaseAsync(entry);
        Task<bool> leased = lease is null ? NotLeased : database.StringSetAsync(entry, lease, _leaseTime, when: When.NotExists);
        try
        {
            await Task.WhenAll(life, bytes, leased).ConfigureAwait(false);
        }
        catch (RedisServerException exception) when (exception.Message.StartsWith("WRONGTYPE", StringComparison.Ordinal))
        {
            return default;
        }
        catch (RedisServerException) when (bytes is { IsCompletedSuccessfully: true, Result: not null } && life.IsCompletedSuccessfully)
        {
            // a Redis that is full takes no lease, but it has the value
        }

        if (await bytes.ConfigureAwait(false) is { } found)
        {
            return new StoredBytes(found.Memory, await life.ConfigureAwait(false) ?? TimeSpan.Zero, found);
        }

        return await leased.ConfigureAwait(false) ? new StoredBytes(lease, TimeToLive: null) : default;
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

    public Task InvalidateAsync(string key, long stamp) => EvaluateAsync(
        RedisScripts.Invalidate, EntryKey(key), Envelope.Void(stamp), _voidLife, _bus.Channel, _bus.Message(Debt.Key(key)));

    public async Task<long> TagStampAsync(string tag, long stampIfNone)
    {
        RedisResult stamp = await EvaluateAsync(
            RedisScripts.TagStamp, TagKey(tag), stampIfNone, _tagLife, _bus.Channel, _bus.StampLostMessage(tag)).ConfigureAwait(false);
        return (long)stamp;
    }

    public Task InvalidateTagAsync(string tag, long stamp) => EvaluateAsync(
        RedisScripts.InvalidateTag, TagKey(tag), stamp, _tagLife, _bus.Channel, _bus.Message(Debt.Tag(tag)));

    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    private RedisKey EntryKey(string key) => $"{_prefix}v:{key}";

    private RedisKey TagKey(string tag) => $"{_prefix}t:{tag}";

    private async Task<RedisResult> EvaluateAsync(string script, RedisKey key, params RedisValue[] arguments)
    {
        IDatabase database = await _connection.DatabaseAsync().ConfigureAwait(false);
        return await database.ScriptEvaluateAsync(script, [key], arguments).ConfigureAwait(false);
    }

    private void OnFailed(EndPoint endPoint, ConnectionType type, Exception? cause)
    {
        // of a cluster's nodes only the one that carries the subscription matters to the bus
        if (endPoint.Equals(_bus.EndPoint))
        {
            Cut?.Invoke();
        }

        if (type == ConnectionType.Interactive && !_connection.IsReplica(endPoint))
        {
            NodeLost?.Invoke(_topology.IsCluster ? RedisTopology.NameOf(endPoint) : _topology.Nodes[0], cause);
        }
    }
}
