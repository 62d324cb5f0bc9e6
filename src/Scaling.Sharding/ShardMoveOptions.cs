namespace Scaling.Sharding;

/// <summary>What a <see cref="ShardMove"/> moves and how gently.</summary>
public sealed class ShardMoveOptions
{
    /// <summary>The sharded tables, as given to <see cref="ShardFence.InstallAsync"/>; a table before those that refer to it.</summary>
    public IList<string> Tables { get; } = [];

    /// <summary>The column with the slot of a row, "slot" by default.</summary>
    public string SlotColumn { get; set; } = "slot";

    /// <summary>How many slots are copied in one transaction, and what a resumed move may have to copy again.</summary>
    internal int SlotsPerCopy { get; set; } = 64;

    /// <summary>How long new writers may be held up while the mover waits for running transactions, before it lets them through and tries again; 100 ms by default.</summary>
    public TimeSpan LockTimeout { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>How long the old rows stay at the source after the cut-over, for readers with an old map; 5 seconds by default. Give it more than the longest time a router takes to learn of a new map.</summary>
    public TimeSpan CleanupDelay { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Hears how the move goes; null for nobody.</summary>
    public IProgress<ShardMoveProgress>? Progress { get; set; }

    internal void Validate()
    {
        if (Tables.Count == 0)
        {
            throw new ArgumentException("Tables is empty: name the sharded tables.", nameof(Tables));
        }

        ArgumentException.ThrowIfNullOrWhiteSpace(SlotColumn);
        ArgumentOutOfRangeException.ThrowIfLessThan(LockTimeout, TimeSpan.FromMilliseconds(1));
        ArgumentOutOfRangeException.ThrowIfLessThan(CleanupDelay, TimeSpan.Zero);
    }
}
