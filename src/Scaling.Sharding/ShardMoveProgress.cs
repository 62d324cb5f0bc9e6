namespace Scaling.Sharding;

/// <summary>Where a <see cref="ShardMove"/> stands.</summary>
public sealed class ShardMoveProgress
{
    internal ShardMoveProgress(string from, string to, ShardMovePhase phase, double fraction, TimeSpan? pause = null) =>
        (From, To, Phase, Fraction, Pause) = (from, to, phase, fraction, pause);

    /// <summary>The shard that gives slots.</summary>
    public string From { get; }

    /// <summary>The shard that takes them.</summary>
    public string To { get; }

    /// <summary>What is being done.</summary>
    public ShardMovePhase Phase { get; }

    /// <summary>How much of the phase is done, 0 to 1.</summary>
    public double Fraction { get; }

    /// <summary>After the cut-over: how long it held up the writers of the source. Otherwise null.</summary>
    public TimeSpan? Pause { get; }
}

/// <summary>The phases of moving slots from one shard to another.</summary>
public enum ShardMovePhase
{
    /// <summary>Rows are copied while the source serves.</summary>
    Copy,

    /// <summary>What changed meanwhile is carried over.</summary>
    CatchUp,

    /// <summary>Both sides are compared, in snapshots of the same moment.</summary>
    Verify,

    /// <summary>The slots have changed hands. There is no way back but another move.</summary>
    CutOver,

    /// <summary>The old rows are deleted at the source.</summary>
    CleanUp,
}
