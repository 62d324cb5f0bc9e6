using System.Diagnostics.CodeAnalysis;

namespace Scaling.Sharding.Internal;

/// <summary>Keeps resources of shards that left alive for a while, then disposes them.</summary>
/// <remarks>
/// Who disposes a resource is whoever takes it out of <see cref="_waiting"/> under the lock: its timer, a map that brings
/// the shard back (then nobody), or the end of the set.
/// </remarks>
internal sealed class Retirement<T>(TimeSpan delay, TimeProvider time)
    where T : class
{
    private readonly Dictionary<string, (T Resource, ITimer Timer)> _waiting = new(StringComparer.Ordinal);

    public void Add(IEnumerable<KeyValuePair<string, T>> resources)
    {
        lock (_waiting)
        {
            foreach ((string shard, T resource) in resources)
            {
                // Created unarmed: a timer that fired before it is in the table would find nothing to dispose.
                ITimer timer = time.CreateTimer(_ => Expire(shard, resource), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
                _waiting[shard] = (resource, timer);
                timer.Change(delay, Timeout.InfiniteTimeSpan);
            }
        }
    }

    /// <returns>True: the caller has the resource again, and it will not be disposed.</returns>
    public bool TryTakeBack(string shard, [NotNullWhen(true)] out T? resource)
    {
        lock (_waiting)
        {
            bool found = _waiting.Remove(shard, out (T Resource, ITimer Timer) entry);
            entry.Timer?.Dispose();
            resource = entry.Resource;
            return found;
        }
    }

    public async ValueTask DisposeAsync(IEnumerable<T> others)
    {
        T[] all;
        lock (_waiting)
        {
            foreach ((_, ITimer timer) in _waiting.Values)
            {
                timer.Dispose();
            }

            all = [.. others, .. _waiting.Values.Select(entry => entry.Resource)];
            _waiting.Clear();
        }

        var failures = new List<Exception>();
        foreach (T resource in all)
        {
            try
            {
                await DisposeOneAsync(resource).ConfigureAwait(false);
            }
            catch (Exception exception)
            {
                failures.Add(exception);
            }
        }

        if (failures.Count > 0)
        {
            throw new AggregateException("Not every shard's resource could be disposed.", failures);
        }
    }

    private void Expire(string shard, T resource)
    {
        lock (_waiting)
        {
            if (!_waiting.TryGetValue(shard, out (T Resource, ITimer Timer) entry) || entry.Resource != resource)
            {
                return;
            }

            _waiting.Remove(shard);
            entry.Timer.Dispose();
        }

        _ = DisposeQuietlyAsync(resource);
    }

    private static async Task DisposeQuietlyAsync(T resource)
    {
        try
        {
            await DisposeOneAsync(resource).ConfigureAwait(false);
        }
        catch (Exception)
        {
            // nobody waits for it, and a resource that will not close must not take the process down with it
        }
    }

    private static async ValueTask DisposeOneAsync(T resource)
    {
        if (resource is IAsyncDisposable asynchronous)
        {
            await asynchronous.DisposeAsync().ConfigureAwait(false);
        }
        else
        {
            (resource as IDisposable)?.Dispose();
        }
    }
}
