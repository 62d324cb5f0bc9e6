namespace Scaling.Caching.Internal;

/// <summary>
/// L2 as the cache needs it. Everything sent to it is either an invalidation, harmless at any time and in any order, or a write that names the state it
/// replaces. So a command that arrives late, after a hang and a timeout, can make L2 forget but never make it lie.
/// </summary>
internal interface IStore : IAsyncDisposable
{
    /// <summary>The nodes that fail each for itself: the masters of a cluster, or the one store. Names for logs, without secrets.</summary>
    IReadOnlyList<string> Nodes { get; }

    /// <summary>True when invalidations by other nodes are heard through <see cref="Heard"/>.</summary>
    bool HasBus { get; }

    /// <summary>An invalidation by another node; may be raised on any thread, in any order.</summary>
    Action<Debt>? Heard { get; set; }

    /// <summary>A tag's stamp was not there any more and was made anew, so that the remembered one is void. Nothing was invalidated.</summary>
    Action<string>? StampLost { get; set; }

    /// <summary>The bus may have been cut; raised on any thread.</summary>
    Action? Cut { get; set; }

    /// <summary>The connection to a node broke; raised on any thread.</summary>
    Action<string, Exception?>? NodeLost { get; set; }

    /// <summary>True when the fault says something about the request rather than about the store.</summary>
    bool IsAnswer(Exception exception);

    /// <summary>The node that holds a key or a tag's stamp.</summary>
    string NodeOf(Debt place);

    /// <summary>
    /// The tag that stands for <see cref="TagNames.All"/> on the node of the key, so that no other node has to be asked. All of them: <see cref="Epochs"/>.
    /// </summary>
    string EpochOf(string key);

    /// <inheritdoc cref="EpochOf"/>
    IReadOnlyList<string> Epochs { get; }

    /// <summary>Connects if need be and learns anew which nodes there are.</summary>
    Task SurveyAsync();

    /// <summary>Proves that the node answers and serves.</summary>
    Task PingAsync(string node);

    /// <summary>
    /// Subscribes if need be and completes when this node hears the bus. The number changes whenever something may have been missed since the last call.
    /// An abandoned call does no harm.
    /// </summary>
    /// <param name="prove">False: a message heard since the last call is proof enough.</param>
    Task<int> ListenAsync(bool prove);

    /// <summary>The bytes at the key, none if there are none.</summary>
    /// <param name="key">The key.</param>
    /// <param name="lease">Put where nothing is, and then returned, if that takes no further round trip; a store may ignore it.</param>
    Task<StoredBytes> FetchAsync(string key, byte[]? lease = null);

    /// <summary>Puts a lease where nothing is (or over what is there), and returns what is at the key now.</summary>
    Task<StoredBytes> LeaseAsync(string key, byte[] lease, bool replace);

    /// <summary>Writes if the key still bears the expected stamp. False: it does not, the value must not be kept.</summary>
    Task<bool> WriteAsync(string key, long expectedStamp, ReadOnlyMemory<byte> envelope, TimeSpan timeToLive);

    /// <summary>Voids value and leases, leaves the stamp behind as the mark of an invalidation, and tells the other nodes.</summary>
    Task InvalidateAsync(string key, long stamp);

    /// <summary>The stamp of a tag; a tag without one gets the given stamp.</summary>
    Task<long> TagStampAsync(string tag, long stampIfNone);

    /// <summary>Gives the tag a new stamp and tells the other nodes.</summary>
    Task InvalidateTagAsync(string tag, long stamp);
}

/// <summary>What lies at a key, and for how much longer if the store's own clock says so. Dispose to give the buffer back.</summary>
internal readonly record struct StoredBytes(ReadOnlyMemory<byte> Bytes, TimeSpan? TimeToLive, IDisposable? Owner = null) : IDisposable
{
    public bool IsNone => Bytes.IsEmpty;

    public void Dispose() => Owner?.Dispose();
}

/// <summary>How long the marks of the cache live in L2.</summary>
internal static class StoreLives
{
    /// <summary>Refreshed whenever a node looks; a lost stamp only invalidates.</summary>
    public static readonly TimeSpan Tag = TimeSpan.FromDays(1);

    public static TimeSpan Lease(CacheAsideOptions options) => options.LoadTimeout + TimeSpan.FromSeconds(10);

    /// <summary>As long as an entry that is older than the invalidation could be kept as a stale fallback, and no shorter than a lease, for it serves as one.</summary>
    public static TimeSpan Void(CacheAsideOptions options)
    {
        TimeSpan entry = options.Expiration + options.MaxStale;
        return entry > Lease(options) ? entry : Lease(options);
    }
}
