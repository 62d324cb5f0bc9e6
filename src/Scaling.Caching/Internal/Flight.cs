using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Caching.Hybrid;

namespace Scaling.Caching.Internal;

internal readonly record struct FlightKey(string Key, Type Type, HybridCacheEntryFlags Flags);

/// <summary>
/// One fetch of one key, shared by all who want it at the same time. It belongs to nobody: it goes on while at least one caller waits and is cancelled
/// when the last one leaves. It starts in the leader's call, so AsyncLocals and Activity.Current reach the load.
/// </summary>
[SuppressMessage("Reliability", "CA1001", Justification = "The source has neither timer nor parent, so there is nothing to free, and Leave may come after the landing.")]
internal abstract class Flight(Generations generations, int keySlot, int[] tagSlots)
{
    private readonly CancellationTokenSource _abandoned = new();
    private int _waiters = 1;

    /// <summary>Captured before anything was read.</summary>
    public long KeyGeneration { get; } = generations.OfKey(keySlot);

    /// <inheritdoc cref="KeyGeneration"/>
    public long TagGeneration { get; } = generations.OfTags(tagSlots);

    /// <summary>False once its key or one of its tags was invalidated since it began.</summary>
    public bool IsBelieved => generations.Current(keySlot, tagSlots) == KeyGeneration + TagGeneration;

    /// <summary>Cancelled when nobody waits any more.</summary>
    public CancellationToken Token => _abandoned.Token;

    /// <summary>True: the caller must <see cref="Leave"/>. False: the flight was abandoned and will bring nothing.</summary>
    public bool TryJoin()
    {
        int waiters = Volatile.Read(ref _waiters);
        while (waiters > 0)
        {
            int seen = Interlocked.CompareExchange(ref _waiters, waiters + 1, waiters);
            if (seen == waiters)
            {
                return true;
            }

            waiters = seen;
        }

        return false;
    }

    public void Leave()
    {
        if (Interlocked.Decrement(ref _waiters) == 0)
        {
            _abandoned.Cancel();
        }
    }

    /// <summary>Tells the load to stop because it takes too long.</summary>
    public void Cancel() => _abandoned.Cancel();
}

/// <summary>What a flight brought. The first to ask gets the loaded object itself, the others copies if the type can change.</summary>
internal sealed class Landing<T>(LocalEntry<T> entry, CacheStatus status, T original)
{
    private int _taken;

    /// <summary>Until when a stale value may be served.</summary>
    public long StaleUntil => entry.Schedule.StaleUntil;

    public CacheResult<T> ToResult(long now, double ticks, bool collapsed)
    {
        T value = Interlocked.Exchange(ref _taken, 1) != 0 && entry.TryGetValue(out T copy) ? copy : original;
        return entry.ToResult(value, status, now, ticks, collapsed);
    }
}

internal sealed class Flight<T>(Generations generations, int keySlot, int[] tagSlots) : Flight(generations, keySlot, tagSlots)
{
    private readonly TaskCompletionSource<Landing<T>> _landing = New();
    private TaskCompletionSource<Landing<T>>? _afterMeanwhile;

    /// <summary>What a passenger who boards now waits for: the value, or a stale one as long as that may be served.</summary>
    public Task<Landing<T>> LandingAt(long now) =>
        Volatile.Read(ref _afterMeanwhile) is { } rest && now >= _landing.Task.Result.StaleUntil ? rest.Task : _landing.Task;

    /// <summary>Serves those who wait, and those who come while it may be served, a stale value; the flight goes on. Once at most.</summary>
    public void LandMeanwhile(Landing<T> stale)
    {
        _landing.TrySetResult(stale);
        Volatile.Write(ref _afterMeanwhile, New());      // after the result that LandingAt reads
    }

    public void Land(Landing<T> landing) => (_afterMeanwhile ?? _landing).TrySetResult(landing);

    public void Fail(Exception exception)
    {
        TaskCompletionSource<Landing<T>> rest = _afterMeanwhile ?? _landing;
        if (rest.TrySetException(exception))
        {
            _ = rest.Task.Exception;        // seen, even if everybody left
        }
    }

    private static TaskCompletionSource<Landing<T>> New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}

internal sealed class Flights(Generations generations)
{
    private readonly ConcurrentDictionary<FlightKey, Flight> _flights = new();

    public bool IsUnderWay(FlightKey key) => _flights.ContainsKey(key);

    /// <summary>
    /// The flight to wait for. True in <paramref name="leads"/>: it is new and the caller must start it. A flight that began before an invalidation is
    /// not joined by callers that come after it: they would get the old value after it was acknowledged.
    /// </summary>
    public Flight<T> JoinOrLead<T>(FlightKey key, int keySlot, int[] tagSlots, out bool leads)
    {
        while (true)
        {
            if (!_flights.TryGetValue(key, out Flight? found))
            {
                var first = new Flight<T>(generations, keySlot, tagSlots);
                if (_flights.TryAdd(key, first))
                {
                    leads = true;
                    return first;
                }
            }
            else if (found.IsBelieved && found.TryJoin())
            {
                leads = false;
                return (Flight<T>)found;
            }
            else
            {
                var next = new Flight<T>(generations, keySlot, tagSlots);
                if (_flights.TryUpdate(key, next, found))
                {
                    leads = true;
                    return next;
                }
            }
        }
    }

    public void Remove(FlightKey key, Flight flight) => _flights.TryRemove(new(key, flight));
}
