namespace Scaling.Sharding.Internal;

/// <summary>Carries over what changed at the source since it was copied.</summary>
internal static class MoveCatchUp
{
    /// <summary>With fewer changes than this in one round, the rest is small enough to be carried over while writers wait.</summary>
    private const long FewChanges = 200;

    /// <summary>Drains the log until little is left, or until it has stopped shrinking.</summary>
    public static async Task CatchUpAsync(MoveSession session, CancellationToken cancellationToken)
    {
        long before = long.MaxValue;
        while (true)
        {
            await session.Source.RunAsync("begin", cancellationToken).ConfigureAwait(false);
            long changes = await DrainAsync(session, cancellationToken).ConfigureAwait(false);
            await session.Source.RunAsync("commit", cancellationToken).ConfigureAwait(false);
            session.Report(ShardMovePhase.CatchUp, changes <= FewChanges ? 1 : (double)FewChanges / changes);
            if (changes <= FewChanges || changes >= before)
            {
                return;
            }

            before = changes;
        }
    }

    /// <summary>Applies the log at the target and commits there. The caller, whose transaction at the source took the log, commits afterwards.</summary>
    /// <remarks>
    /// 1. Log entries are deleted and rows read in one snapshot of the source. 2. The target commits. 3. The source commits.
    /// A crash between 2 and 3 brings the entries back, and the same keys are carried over again: the rows are then at least as new.
    /// </remarks>
    public static async Task<long> DrainAsync(MoveSession session, CancellationToken cancellationToken)
    {
        await session.Target.RunAsync("begin", cancellationToken).ConfigureAwait(false);
        foreach (MovingTable table in session.Tables)
        {
            await MoveCopy.PipeAsync(
                session.Source,
                $"copy ({table.TakeLog}) to stdout (format binary)",
                session.Target,
                $"copy {table.Delta} from stdin (format binary)",
                cancellationToken).ConfigureAwait(false);
        }

        long changes = 0;
        foreach (MovingTable table in session.Tables.Reverse())
        {
            changes += await session.Target.RunAsync(table.DeleteGone, cancellationToken).ConfigureAwait(false);
        }

        foreach (MovingTable table in session.Tables)
        {
            changes += await session.Target.RunAsync(table.Upsert, cancellationToken).ConfigureAwait(false);
        }

        await session.Target.RunAsync("commit", cancellationToken).ConfigureAwait(false);
        ShardingMetrics.CaughtUp(changes);
        return changes;
    }
}
