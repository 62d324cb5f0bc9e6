using Npgsql;
using TierDemo.Servers;

namespace TierDemo.Climb;

/// <summary>The guide's <c>watch psql … pg_stat_activity</c>: how many connections Postgres works for while a load runs.</summary>
internal static class ActiveConnections
{
    private const string Count = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid()";

    /// <summary>The mean over the primary and its replica together while <paramref name="load"/> runs; null when nobody could be asked.</summary>
    public static async Task<double?> DuringAsync(Task load, BackendSettings settings, CancellationToken cancellationToken)
    {
        await using NpgsqlDataSource primary = NpgsqlDataSource.Create(settings.Primary);
        await using NpgsqlDataSource? replica = settings.Replica is null ? null : NpgsqlDataSource.Create(settings.Replica);
        var samples = new List<long>();
        while (await Task.WhenAny(load, Task.Delay(200, cancellationToken)) != load && !cancellationToken.IsCancellationRequested)
        {
            try
            {
                samples.Add(await AskAsync(primary, cancellationToken) + (replica is null ? 0 : await AskAsync(replica, cancellationToken)));
            }
            catch (NpgsqlException)
            {
                // no connection free just now: one sample fewer
            }
        }

        return samples.Count == 0 ? null : samples.Average();
    }

    private static async Task<long> AskAsync(NpgsqlDataSource source, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = source.CreateCommand(Count);
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}
