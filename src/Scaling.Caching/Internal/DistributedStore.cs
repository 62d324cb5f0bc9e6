using System.Buffers;
using System.Buffers.Binary;
using Microsoft.Extensions.Caching.Distributed;

namespace Scaling.Caching.Internal;

/// <summary>L2 in any IDistributedCache. What Redis does atomically is done here in two steps.</summary>
internal sealed class DistributedStore(IDistributedCache cache, CacheAsideOptions options, TimeProvider time) : IStore
{
    private readonly DistributedCacheEntryOptions _tagLife = new() { AbsoluteExpirationRelativeToNow = StoreLives.Tag };
    private readonly DistributedCacheEntryOptions _leaseLife = new() { AbsoluteExpirationRelativeToNow = StoreLives.Lease(options) };

    private readonly DistributedCacheEntryOptions _voidLife = new() { AbsoluteExpirationRelativeToNow = StoreLives.Void(options) };

    public IReadOnlyList<string> Nodes { get; } = [cache.GetType().Name];

    public IReadOnlyList<string> Epochs { get; } = [TagNames.All];

    public bool HasBus => false;

    public Action<Debt>? Heard { get; set; }

    public Action<string>? StampLost { get; set; }

    public Action? Cut { get; set; }

    public Action<string, Exception?>? NodeLost { get; set; }

    public bool IsAnswer(Exception exception) => exception is ArgumentException or NotSupportedException;

    public string NodeOf(Debt place) => Nodes[0];

    public string EpochOf(string key) => TagNames.All;

    public Task SurveyAsync() => Task.CompletedTask;

    public Task PingAsync(string node) => BoundedAsync(token => cache.GetAsync(options.KeyPrefix + "ping", token));

    public Task<int> ListenAsync(bool prove) => Task.FromResult(1);

    public Task<StoredBytes> FetchAsync(string key, byte[]? lease = null) => cache is IBufferDistributedCache buffered
        ? FetchBufferedAsync(buffered, key)
        : BoundedAsync(async token => new StoredBytes(await cache.GetAsync(EntryKey(key), token).ConfigureAwait(false), TimeToLive: null));

    public async Task<StoredBytes> LeaseAsync(string key, byte[] lease, bool replace)
    {
        if (!replace && await FetchAsync(key).ConfigureAwait(false) is { IsNone: false } found)
        {
            return found;
        }

        await SetAsync(EntryKey(key), lease, _leaseLife).ConfigureAwait(false);
        return new StoredBytes(lease, TimeToLive: null);
    }

    public async Task<bool> WriteAsync(string key, long expectedStamp, ReadOnlyMemory<byte> envelope, TimeSpan timeToLive)
    {
        using (StoredBytes found = await FetchAsync(key).ConfigureAwait(false))
        {
            if (found.Bytes.Length < Envelope.LeaseLength || Envelope.StampOf(found.Bytes.Span) != expectedStamp)
            {
                return false;
            }
        }

        await SetAsync(EntryKey(key), envelope, new DistributedCacheEntryOptions { AbsoluteExpirationRelativeToNow = timeToLive }).ConfigureAwait(false);
        return true;
    }

    // the mark takes the place of the value, so that a load that began before finds its own stamp gone
    public Task InvalidateAsync(string key, long stamp) => SetAsync(EntryKey(key), Envelope.Void(stamp), _voidLife);

    public async Task<long> TagStampAsync(string tag, long stampIfNone)
    {
        byte[]? found = await BoundedAsync(token => cache.GetAsync(TagKey(tag), token)).ConfigureAwait(false);
        if (found is { Length: sizeof(long) })
        {
            return BinaryPrimitives.ReadInt64LittleEndian(found);
        }

        await InvalidateTagAsync(tag, stampIfNone).ConfigureAwait(false);
        return stampIfNone;
    }

    public Task InvalidateTagAsync(string tag, long stamp)
    {
        var bytes = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, stamp);
        return SetAsync(TagKey(tag), bytes, _tagLife);
    }

    public ValueTask DisposeAsync() => default;

    private string EntryKey(string key) => $"{options.KeyPrefix}v:{key}";

    private string TagKey(string tag) => $"{options.KeyPrefix}t:{tag}";

    private Task<StoredBytes> FetchBufferedAsync(IBufferDistributedCache buffered, string key) => BoundedAsync(async token =>
    {
        var buffer = new PooledBuffer();
        bool found = await buffered.TryGetAsync(EntryKey(key), buffer, token).ConfigureAwait(false);
        return found ? new StoredBytes(buffer.Written, TimeToLive: null, buffer) : default;
    });

    private Task<bool> SetAsync(string key, ReadOnlyMemory<byte> bytes, DistributedCacheEntryOptions life) => BoundedAsync(async token =>
    {
        if (cache is IBufferDistributedCache buffered)
        {
            await buffered.SetAsync(key, new ReadOnlySequence<byte>(bytes), life, token).ConfigureAwait(false);
        }
        else
        {
            await cache.SetAsync(key, bytes.ToArray(), life, token).ConfigureAwait(false);
        }

        return true;
    });

    // the guard stops waiting by itself; this only tells a client that listens to stop working
    private async Task<T> BoundedAsync<T>(Func<CancellationToken, Task<T>> call)
    {
        using var deadline = options.Guard.Enabled ? new CancellationTokenSource(options.Guard.Timeout, time) : new CancellationTokenSource();
        return await call(deadline.Token).ConfigureAwait(false);
    }
}

/// <summary>A growing rented buffer.</summary>
internal sealed class PooledBuffer : IBufferWriter<byte>, IDisposable
{
    private byte[] _bytes = [];
    private int _length;

    public ReadOnlyMemory<byte> Written => _bytes.AsMemory(0, _length);

    public void Advance(int count) => _length += count;

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        int wanted = _length + Math.Max(sizeHint, 256);
        if (wanted > _bytes.Length)
        {
            byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(wanted, _bytes.Length * 2));
            Written.CopyTo(larger);
            Return();
            _bytes = larger;
        }

        return _bytes.AsMemory(_length);
    }

    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public void Dispose()
    {
        Return();
        _bytes = [];
        _length = 0;
    }

    private void Return()
    {
        if (_bytes.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_bytes);
        }
    }
}
