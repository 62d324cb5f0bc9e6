using Npgsql;

namespace Scaling.Sharding.Internal;

/// <summary>Compares both sides row for row, in snapshots of one moment, while the source goes on serving.</summary>
internal static class MoveVerify
{
    public static async Task VerifyAsync(MoveSession session, CancellationToken cancellationToken)
    {
        (NpgsqlConnection source, NpgsqlConnection target) = await session.ReadersAsync(cancellationToken).ConfigureAwait(false);
        await using (source.ConfigureAwait(false))
        await using (target.ConfigureAwait(false))
        {
            // Alone at the source with the log drained, both sides are equal. Two snapshots taken now stay so however long the comparison takes.
            await session.BeginAloneAsync(cancellationToken).ConfigureAwait(false);
            await MoveCatchUp.DrainAsync(session, cancellationToken).ConfigureAwait(false);
            await SnapshotAsync(source, cancellationToken).ConfigureAwait(false);
            await SnapshotAsync(target, cancellationToken).ConfigureAwait(false);
            await session.Source.RunAsync("commit", cancellationToken).ConfigureAwait(false);

            (int First, int Last)[] pieces = [.. session.Step.Pieces(session.Options.SlotsPerCopy)];
            double done = 0;
            foreach (MovingTable table in session.Tables)
            {
                foreach ((int First, int Last) piece in pieces)
                {
                    string[] sums = await Task.WhenAll(SumAsync(source, table, piece, cancellationToken), SumAsync(target, table, piece, cancellationToken)).ConfigureAwait(false);
                    if (sums[0] != sums[1])
                    {
                        throw new ShardException(session.Step.To, $"table {table.Name}, slots {piece.First} to {piece.Last}: {sums[1]} here, {sums[0]} on '{session.Step.From}' (rows/checksum). Does a trigger or a generated default change rows here? Nothing has been cut over; RollbackAsync undoes the copy.");
                    }

                    ShardingMetrics.Moved("verify", piece);
                    session.Report(ShardMovePhase.Verify, ++done / (pieces.Length * session.Tables.Count));
                }
            }

            await source.RunAsync("commit", cancellationToken).ConfigureAwait(false);
            await target.RunAsync("commit", cancellationToken).ConfigureAwait(false);
        }
    }

    // a snapshot is taken by the first query, not by BEGIN
    private static Task<int> SnapshotAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        connection.RunAsync("begin transaction isolation level repeatable read read only; select 1", cancellationToken);

    private static async Task<string> SumAsync(NpgsqlConnection connection, MovingTable table, (int First, int Last) piece, CancellationToken cancellationToken) =>
        (await connection.ReadAsync<string>(
            $"select count(*) || '/' || coalesce(sum({table.RowHash}), 0) from {table.Name} where {table.Slot} between $1 and $2",
            cancellationToken,
            piece.First,
            piece.Last).ConfigureAwait(false))!;
}
