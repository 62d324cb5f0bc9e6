namespace Scaling.Sharding;

/// <summary>How a <see cref="ShardSet{T}"/> treats its shards. The defaults suit a web service on Postgres.</summary>
public sealed class ShardSetOptions
{
    /// <summary>How many shards a query over all of them asks at once, 16 by default.</summary>
    public int MaxFanOut { get; set; } = 16;

    /// <summary>How long a query over all shards may take, 30 seconds by default; <see cref="Timeout.InfiniteTimeSpan"/> for no deadline.</summary>
    public TimeSpan QueryTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long the resource of a shard that left the map lives on for those who still hold it, one minute by default.</summary>
    public TimeSpan RetireDelay { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>Fetches the newest map, for example by <see cref="ShardFence.LoadMapAsync"/>; null, the default, to wait for <see cref="ShardSet{T}.TrySwap"/> instead.</summary>
    /// <remarks>
    /// Called when a shard refuses a write because its slot has moved (see <see cref="ShardSet{T}.ExecuteAsync"/>), and in the background once a second while
    /// the set is in use, so that reads follow a move too: no asynchronous call starts from a map that was last looked up more than 3 seconds ago,
    /// unless looking it up fails or takes more than a second. Calls never overlap. <see cref="ShardMoveOptions.CleanupDelay"/> must be longer than that.
    /// </remarks>
    public Func<CancellationToken, Task<IShardMap>>? LoadMap { get; set; }

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxFanOut, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(RetireDelay, TimeSpan.Zero);
        if (QueryTimeout <= TimeSpan.Zero && QueryTimeout != Timeout.InfiniteTimeSpan)
        {
            throw new ArgumentOutOfRangeException(nameof(QueryTimeout), QueryTimeout, "Give a positive time, or Timeout.InfiniteTimeSpan for no deadline.");
        }
    }
}
