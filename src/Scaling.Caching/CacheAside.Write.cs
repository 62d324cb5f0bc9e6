using Microsoft.Extensions.Caching.Hybrid;
using Scaling.Caching.Internal;

namespace Scaling.Caching;

public sealed partial class CacheAside
{
    /// <summary>
    /// Puts a value at the key in place of whatever is there, on all nodes. Loads that began before are not kept. After a write to the source prefer
    /// <see cref="InvalidateAsync(string, CancellationToken)"/>: two concurrent writers may set in another order than they wrote, but never invalidate wrongly.
    /// Never throws because L2 is away: this node serves the value then, and L2 will forget the older one before this node reads from it again.
    /// </summary>
    /// <inheritdoc/>
    public override ValueTask SetAsync<T>(
        string key, T value, HybridCacheEntryOptions? options = null, IEnumerable<string>? tags = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        cancellationToken.ThrowIfCancellationRequested();
        return SetAsync(new Target(key, tags, _defaults.With(options), options?.Flags ?? HybridCacheEntryFlags.None), value);
    }

    /// <summary>Drops the key on all nodes; loads that began before are not kept. Never throws because L2 is away.</summary>
    /// <returns>Deferred when L2 is unreachable: it is told as soon as it is back.</returns>
    public async ValueTask<CacheDelivery> InvalidateAsync(string key, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        cancellationToken.ThrowIfCancellationRequested();
        CacheDelivery delivery = await InvalidateAsync(new Debt(DebtKind.Key, CacheKey.Normalize(key))).ConfigureAwait(false);
        _local.Remove(key);
        return delivery;
    }

    /// <summary>Drops every entry that bears the tag, on all nodes; <c>*</c> drops everything.</summary>
    /// <returns>As for <see cref="InvalidateAsync(string, CancellationToken)"/>.</returns>
    public ValueTask<CacheDelivery> InvalidateTagAsync(string tag, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(tag);
        cancellationToken.ThrowIfCancellationRequested();
        return InvalidateAsync(new Debt(DebtKind.Tag, CacheKey.Normalize(tag)));
    }

    /// <inheritdoc cref="InvalidateAsync(string, CancellationToken)"/>
    public override async ValueTask RemoveAsync(string key, CancellationToken cancellationToken = default) =>
        await InvalidateAsync(key, cancellationToken).ConfigureAwait(false);

    /// <inheritdoc cref="InvalidateTagAsync"/>
    public override async ValueTask RemoveByTagAsync(string tag, CancellationToken cancellationToken = default) =>
        await InvalidateTagAsync(tag, cancellationToken).ConfigureAwait(false);

    private ValueTask<CacheDelivery> InvalidateAsync(Debt debt)
    {
        if (_remote is not null)
        {
            return _remote.InvalidateAsync(debt);
        }

        _generations.Invalidate(debt);
        return new(CacheDelivery.Delivered);
    }

    /// <summary>
    /// A set is an invalidation that leaves a lease behind, and then a write under that lease: two steps, so that a write that reaches L2 late, after a
    /// hang, finds its lease gone and does nothing. A set of this node alone (its flags keep it from L2) is no matter of L2 or of the others.
    /// </summary>
    private async ValueTask SetAsync<T>(Target target, T value)
    {
        // one more than now: our own invalidation below counts as expected, anybody else's in between does not
        long generation = _generations.Current(target.KeySlot, target.TagSlots) + 1;
        RemoteRead begun = default;
        if (_remote is not null && target.Allows(HybridCacheEntryFlags.DisableDistributedCacheWrite))
        {
            begun = await _remote.BeginSetAsync(target.Name, target.Tags).ConfigureAwait(false);
        }
        else
        {
            _generations.Invalidate(new Debt(DebtKind.Key, target.Name));
        }

        Draft<T> draft = Prepare(target, begun, value, target.Lifetimes.Fresh, loadTime: TimeSpan.Zero, generation);
        if (draft.KeepLocally)
        {
            _local.Set(target.Key, draft.Entry, draft.PayloadLength);
        }
        else
        {
            _local.Remove(target.Key);
        }

        if (draft.Write is { } write)
        {
            await _remote!.WriteAsync(write.Key, write.ExpectedStamp, write.Envelope, write.TimeToLive).ConfigureAwait(false);
        }
    }
}
