using Npgsql;

namespace Scaling.Sharding.Internal;

/// <summary>What the databases remember of moves.</summary>
internal static class MoveHistory
{
    public static async Task<ShardPlan?> FindUnfinishedAsync(IEnumerable<NpgsqlDataSource> dataSources, CancellationToken cancellationToken)
    {
        List<Entry>[] perShard = await Task.WhenAll(dataSources.Select(source => ReadAsync(source, cancellationToken))).ConfigureAwait(false);
        List<Entry> entries = [.. perShard.SelectMany(list => list)];
        if (entries.MaxBy(entry => entry.Version) is not { } last || last.Phase == "undone")
        {
            return null;
        }

        ShardPlan plan = ShardMap.Diff(ShardMap.FromJson(last.From), ShardMap.FromJson(last.To));
        ILookup<string, string> phases = entries.ToLookup(entry => entry.Id, entry => entry.Phase);
        return ShardMap.Steps(plan).All(step => phases[step.Id].Contains("done")) ? null : plan;
    }

    private static async Task<List<Entry>> ReadAsync(NpgsqlDataSource source, CancellationToken cancellationToken)
    {
        var entries = new List<Entry>();
        NpgsqlCommand command = source.CreateCommand("select id, phase, version, plan_from, plan_to from scaling_sharding.move order by version desc limit 100");
        await using (command.ConfigureAwait(false))
        {
            NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                {
                    entries.Add(new Entry(reader.GetString(0), reader.GetString(1), reader.GetInt64(2), reader.GetString(3), reader.GetString(4)));
                }
            }
        }

        return entries;
    }

    private sealed record Entry(string Id, string Phase, long Version, string From, string To);
}
