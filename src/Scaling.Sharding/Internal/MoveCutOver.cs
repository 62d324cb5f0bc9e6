namespace Scaling.Sharding.Internal;

/// <summary>The moment in which slots change hands, and what follows from it.</summary>
internal static class MoveCutOver
{
    /// <summary>Takes the slots from the source for good.</summary>
    /// <remarks>
    /// 1. Alone at the source: writers wait from here. 2. The last changes are committed at the target. 3. The source gives the
    /// slots up and stores the new map: this commit is the point of no return, and lets the waiting writers go on to be refused.
    /// 4. The target takes the slots (<see cref="HandOverAsync"/>). Between 3 and 4 nobody owns them and writers try again; at no
    /// time do two shards own a slot. A crash before 3 leaves everything with the source, one after 3 is resumed with 4.
    /// </remarks>
    /// <returns>When the writers began to wait.</returns>
    public static async Task<long> GiveUpAsync(MoveSession session, CancellationToken cancellationToken)
    {
        MoveStep step = session.Step;
        long since = await session.BeginAloneAsync(cancellationToken).ConfigureAwait(false);
        await MoveCatchUp.DrainAsync(session, cancellationToken).ConfigureAwait(false);
        await session.Source.RunAsync(
            "update scaling_sharding.shard set owned = owned - $1::int4multirange, moving = '{}', version = $2, map = $3",
            cancellationToken,
            step.Multirange,
            step.Map.Version,
            step.Map.ToJson()).ConfigureAwait(false);
        await session.Source.RunAsync("update scaling_sharding.move set phase = 'cut' where id = $1", cancellationToken, step.Id).ConfigureAwait(false);
        await session.Source.RunAsync("commit", cancellationToken).ConfigureAwait(false);
        return since;
    }

    /// <summary>Gives the slots to the target. Running it again changes nothing.</summary>
    public static Task HandOverAsync(MoveSession session, CancellationToken cancellationToken) => session.Target.RunAsync(
        """
        update scaling_sharding.shard set owned = owned + $1::int4multirange,
            map = case when version < $2 then $3 else map end, version = greatest(version, $2)
        """,
        cancellationToken,
        session.Step.Multirange,
        session.Step.Map.Version,
        session.Step.Map.ToJson());

    /// <summary>Deletes the rows that the source no longer owns.</summary>
    public static async Task CleanUpAsync(MoveSession session, CancellationToken cancellationToken)
    {
        session.Report(ShardMovePhase.CleanUp, 0);
        await Task.Delay(session.Options.CleanupDelay, session.Time, cancellationToken).ConfigureAwait(false);
        await session.DeleteRowsAsync(session.Source, cancellationToken).ConfigureAwait(false);
        await session.Target.RunAsync("delete from scaling_sharding.copied where move = $1", cancellationToken, session.Step.Id).ConfigureAwait(false);
        await session.Source.RunAsync("update scaling_sharding.move set phase = 'done' where id = $1", cancellationToken, session.Step.Id).ConfigureAwait(false);
        session.Report(ShardMovePhase.CleanUp, 1);
    }

    /// <summary>Undoes everything before the cut-over.</summary>
    public static async Task RollBackAsync(MoveSession session, CancellationToken cancellationToken)
    {
        await session.BeginAloneAsync(cancellationToken).ConfigureAwait(false);
        await session.Source.RunAsync("update scaling_sharding.shard set moving = '{}'", cancellationToken).ConfigureAwait(false);
        foreach (MovingTable table in session.Tables)
        {
            await session.Source.RunAsync($"delete from {table.Log}", cancellationToken).ConfigureAwait(false);
        }

        await session.Source.RunAsync("update scaling_sharding.move set phase = 'undone' where id = $1", cancellationToken, session.Step.Id).ConfigureAwait(false);
        await session.Source.RunAsync("commit", cancellationToken).ConfigureAwait(false);
        await session.DeleteRowsAsync(session.Target, cancellationToken).ConfigureAwait(false);
        await session.Target.RunAsync("delete from scaling_sharding.copied where move = $1", cancellationToken, session.Step.Id).ConfigureAwait(false);
    }
}
