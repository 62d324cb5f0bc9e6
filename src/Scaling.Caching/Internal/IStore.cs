namespace Scaling.Caching.Internal;

/// <summary>
/// L2 as the cache needs it. Everything sent to it is either an invalidation, harmless at any time and in any order, or a write that names the state it
/// replaces. So a command that arrives late, after a hang and a timeout, can make L2 forget but never make it lie.
/// </summary>
internal interface IStore : IAsyncDisposable
{
    /// <summary>What the store is called in logs, for example its end points without secrets.</summary>
    string Name { get; }

    /// <summary>True when invalidations by other nodes are heard through <see cref="Heard"/>.</summary>
    bool HasBus { get; }

    /// <summary>An invalidation by another node; may be raised on any thread, in any order.</summary>
    Action<Debt>? Heard { get; set; }

    /// <summary>The bus may have been cut; raised on any thread.</summary>
    Action? Cut { get; set; }

    /// <summary>True when the fault says something about the request rather than about the store.</summary>
    bool IsAnswer(Exception exception);

    /// <summary>Connects if need be and proves that the store answers.</summary>
    Task PingAsync();

    /// <summary>Subscribes if need be and completes when this node hears the bus. Nothing to do without one.</summary>
    /// <param name="prove">False: a message heard since the last call is proof enough.</param>
    Task ListenAsync(bool prove);

    /// <summary>The bytes at the key, none if there are none.</summary>
    Task<StoredBytes> FetchAsync(string key);

    /// <summary>Puts a lease where nothing is (or over what is there), and returns what is at the key now.</summary>
    Task<StoredBytes> LeaseAsync(string key, byte[] lease, bool replace);

    /// <summary>Writes if the key still bears the expected stamp. False: it does not, the value must not be kept.</summary>
    Task<bool> WriteAsync(string key, long expectedStamp, ReadOnlyMemory<byte> envelope, TimeSpan timeToLive);

    /// <summary>Voids value and leases, tells the other nodes, and leaves the given lease behind if there is one.</summary>
    Task InvalidateAsync(string key, byte[]? lease);

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
