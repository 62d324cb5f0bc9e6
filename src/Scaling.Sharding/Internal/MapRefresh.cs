namespace Scaling.Sharding.Internal;

/// <summary>Keeps the map of a set up to date: one look at a time, however many calls ask for it.</summary>
/// <remarks>
/// <para>A fence refuses a write to a slot that has moved. A read it cannot refuse: the old owner answers with the rows it still has, and after the
/// clean-up with none. So no call starts from a map that nobody has looked after for long:</para>
/// <para>1. Looked up within the last <see cref="Interval"/>: the call goes on. 2. Longer ago: a look-up begins, the call does not wait for it.
/// 3. Longer ago than <see cref="Trusted"/> (the process was idle or frozen): the call waits for the look-up, but no longer than
/// <see cref="Interval"/>. If the shards cannot say which map is in force, they will hardly answer the call either.</para>
/// </remarks>
internal sealed class MapRefresh(Func<CancellationToken, Task<IShardMap>> load, Func<IShardMap, bool> swap, TimeProvider time) : IDisposable
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    public static readonly TimeSpan Trusted = TimeSpan.FromSeconds(3);

    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _end = new();
    private Task _look = Task.CompletedTask;
    private long _lookedAt = time.GetTimestamp();

    /// <summary>Why the last look-up failed; null when it did not.</summary>
    public Exception? Error { get; private set; }

    /// <summary>Called at the start of every call; completes at once unless the map is not to be trusted.</summary>
    public ValueTask EnsureFreshAsync(CancellationToken cancellationToken)
    {
        TimeSpan age = time.GetElapsedTime(Volatile.Read(ref _lookedAt));
        if (age < Interval)
        {
            return ValueTask.CompletedTask;
        }

        Task look = LookAsync();
        return age < Trusted ? ValueTask.CompletedTask : new ValueTask(WaitAsync(look, cancellationToken));
    }

    /// <summary>Looks for a newer map and puts it in force; joins a look-up under way. Never fails: see <see cref="Error"/>.</summary>
    public Task LookAsync()
    {
        lock (_gate)
        {
            return _look.IsCompleted ? _look = Task.Run(LoadAsync) : _look;
        }
    }

    public void Dispose() => _end.Cancel();

    private async Task LoadAsync()
    {
        // What is known is as old as the question, not as the answer.
        long asked = time.GetTimestamp();
        try
        {
            swap(await load(_end.Token).ConfigureAwait(false));
            Error = null;
        }
        catch (Exception exception)
        {
            Error = exception;
        }

        ShardingMetrics.LookedForMap(Error is null);
        Volatile.Write(ref _lookedAt, asked);
    }

    private async Task WaitAsync(Task look, CancellationToken cancellationToken)
    {
        try
        {
            await look.WaitAsync(Interval, time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // The next calls must not wait as well, one after the other.
            Volatile.Write(ref _lookedAt, time.GetTimestamp());
        }
    }
}
