using Npgsql;

namespace Scaling.Sharding.Internal;

/// <summary>Prepares a step and copies its rows while the source serves.</summary>
internal static class MoveCopy
{
    /// <summary>Clears what an abandoned move left at the target, and has every change at the source logged from here on.</summary>
    public static async Task PrepareAsync(MoveSession session, CancellationToken cancellationToken)
    {
        MoveStep step = session.Step;
        if (await session.Target.ReadAsync<bool>("select owned && $1::int4multirange from scaling_sharding.shard", cancellationToken, step.Multirange).ConfigureAwait(false))
        {
            throw new InvalidOperationException($"Shard '{step.To}' owns some of the slots already: the plan starts from a map that is not in force.");
        }

        await session.DeleteRowsAsync(session.Target, cancellationToken).ConfigureAwait(false);
        await session.Target.RunAsync("delete from scaling_sharding.copied", cancellationToken).ConfigureAwait(false);

        // Alone, so that no transaction is under way that did not see "moving": from now on each change is in a later copy, in the log, or in both.
        await session.BeginAloneAsync(cancellationToken).ConfigureAwait(false);
        int ready = await session.Source.RunAsync(
            "update scaling_sharding.shard set moving = $1::int4multirange where owned @> $1::int4multirange and isempty(moving) and version < $2",
            cancellationToken,
            step.Multirange,
            step.Map.Version).ConfigureAwait(false);
        if (ready == 0)
        {
            await session.Source.RunAsync("rollback", cancellationToken).ConfigureAwait(false);
            throw new InvalidOperationException($"Shard '{step.From}' does not own all of the slots, stores a newer map, or has another move under way: roll that one back or finish it, and plan from the map in force.");
        }

        foreach (MovingTable table in session.Tables)
        {
            await session.Source.RunAsync($"delete from {table.Log}", cancellationToken).ConfigureAwait(false);
        }

        await session.Source.RunAsync(
            "insert into scaling_sharding.move values ($1, 'copy', $2, $3, $4) on conflict (id) do update set phase = 'copy'",
            cancellationToken,
            step.Id,
            step.Map.Version,
            step.Plan.From.ToJson(),
            step.Plan.To.ToJson()).ConfigureAwait(false);
        await session.Source.RunAsync("commit", cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Copies each piece that is not marked as copied; the mark is in the transaction of the rows, so a crash leaves both or neither.</summary>
    public static async Task CopyAsync(MoveSession session, CancellationToken cancellationToken)
    {
        (int First, int Last)[] pieces = [.. session.Step.Pieces(session.Options.SlotsPerCopy)];
        double done = 0;
        foreach (MovingTable table in session.Tables)
        {
            foreach ((int first, int last) in pieces)
            {
                await session.Target.RunAsync("begin", cancellationToken).ConfigureAwait(false);
                int isNew = await session.Target.RunAsync(
                    "insert into scaling_sharding.copied values ($1, $2, $3) on conflict do nothing", cancellationToken, session.Step.Id, table.Name, first).ConfigureAwait(false);
                if (isNew == 1)
                {
                    // COPY takes no parameters; first and last are integers of ours
                    await PipeAsync(
                        session.Source,
                        $"copy (select {table.Columns} from {table.Name} where {table.Slot} between {first} and {last}) to stdout (format binary)",
                        session.Target,
                        $"copy {table.Name} ({table.Columns}) from stdin (format binary)",
                        cancellationToken).ConfigureAwait(false);
                }

                await session.Target.RunAsync("commit", cancellationToken).ConfigureAwait(false);
                ShardingMetrics.Moved("copy", (first, last));
                session.Report(ShardMovePhase.Copy, ++done / (pieces.Length * session.Tables.Count));
            }
        }
    }

    public static async Task PipeAsync(NpgsqlConnection from, string copyOut, NpgsqlConnection to, string copyIn, CancellationToken cancellationToken)
    {
        NpgsqlRawCopyStream input = await from.BeginRawBinaryCopyAsync(copyOut, cancellationToken).ConfigureAwait(false);
        await using (input.ConfigureAwait(false))
        {
            NpgsqlRawCopyStream output = await to.BeginRawBinaryCopyAsync(copyIn, cancellationToken).ConfigureAwait(false);
            try
            {
                await input.CopyToAsync(output, 1 << 16, cancellationToken).ConfigureAwait(false);
            }
            catch
            {
                // disposing would complete the COPY with the rows that came through so far
                await output.CancelAsync().ConfigureAwait(false);
                throw;
            }

            await output.DisposeAsync().ConfigureAwait(false);
        }
    }
}
