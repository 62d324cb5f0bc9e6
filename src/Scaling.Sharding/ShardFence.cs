using Npgsql;
using Scaling.Sharding.Internal;

namespace Scaling.Sharding;

/// <summary>The fence inside each shard's Postgres database: it knows which slots the shard owns and refuses a write to any other.</summary>
/// <remarks>
/// A router may be stale, a deployment half done, a script wrong: the database has the last word. The fence is a schema
/// <c>scaling_sharding</c> and statement triggers on the sharded tables (Postgres 14 or later). It costs a write one shared
/// advisory lock and one small query per statement, however many rows. Three functions are for the application's own SQL:
/// <c>scaling_sharding.owns(slot)</c> leaves out rows in transit when counting over all shards, and
/// <c>scaling_sharding.require_slot(slot)</c> refuses, like a write, before a statement that might touch no row.
/// </remarks>
public static class ShardFence
{
    private static readonly TimeSpan PatienceForTheOthers = TimeSpan.FromSeconds(1);

    /// <summary>Puts up the fence in one shard's database, or brings it up to date. Call it when a shard is set up and on every deployment: a fence that is up to date is left alone and locks nothing.</summary>
    /// <param name="dataSource">The shard's database; its user must own the tables.</param>
    /// <param name="shard">The shard's name; it may be one that <paramref name="map"/> does not know yet and that owns nothing so far.</param>
    /// <param name="map">The map in force. A database that stores a newer one keeps that, so a stale deployment does no harm; one that stores an older one takes this if it moves none of the shard's slots.</param>
    /// <param name="tables">The sharded tables, each with a primary key and the slot column.</param>
    /// <param name="slotColumn">The integer column that holds <see cref="ShardMap.GetSlot"/> of the row's key.</param>
    /// <param name="cancellationToken">Gives up; nothing is left half done.</param>
    /// <returns>A task that ends when the fence stands.</returns>
    /// <exception cref="ArgumentException">A table has no primary key or no slot column.</exception>
    /// <exception cref="InvalidOperationException">The database belongs to another shard; the map moves its slots, which is the business of <see cref="ShardMove"/>; or the fence of a table must change while a move is under way.</exception>
    public static async Task InstallAsync(
        NpgsqlDataSource dataSource, string shard, ShardMap map, IReadOnlyList<string> tables, string slotColumn = "slot", CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(dataSource);
        ArgumentException.ThrowIfNullOrWhiteSpace(shard);
        ArgumentNullException.ThrowIfNull(map);
        ArgumentNullException.ThrowIfNull(tables);
        NpgsqlConnection connection = await dataSource.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
            await using (transaction.ConfigureAwait(false))
            {
                await FenceInstaller.InstallAsync(connection, shard, map, tables, slotColumn, cancellationToken).ConfigureAwait(false);
                await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>The newest map that any of some shards stores: what a router loads at its start, and when a shard has refused a write.</summary>
    /// <remarks>The shards whose slots have moved are those that know. One that fails, or has not answered a second after the first, is left out.</remarks>
    /// <param name="dataSources">The shards to ask.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The map.</returns>
    /// <exception cref="AggregateException">No shard answered.</exception>
    public static async Task<ShardMap> LoadMapAsync(IEnumerable<NpgsqlDataSource> dataSources, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(dataSources);
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);

        // WaitAsync: a server that is frozen answers a cancellation no more than a query
        Task<string?>[] reads = [.. dataSources.Select(source => ReadMapAsync(source, enough.Token).WaitAsync(enough.Token))];
        ShardMap? newest = null;
        var errors = new List<Exception>();
        await foreach (Task<string?> read in Task.WhenEach(reads).ConfigureAwait(false))
        {
            if (read.IsCompletedSuccessfully && read.Result is { } json)
            {
                enough.CancelAfter(PatienceForTheOthers);
                var map = ShardMap.FromJson(json);
                newest = map.Version > newest?.Version ? map : newest ?? map;
            }
            else if (read.Exception is { } error)
            {
                errors.Add(error.InnerException!);
            }
        }

        cancellationToken.ThrowIfCancellationRequested();
        return newest ?? throw new AggregateException("No shard could say which map is in force.", errors);
    }

    /// <summary>Whether a write failed because the slot is not on the shard it was sent to: nothing was written; load the newest map and write again.</summary>
    /// <param name="exception">What the write threw.</param>
    /// <returns>True if the exception, or one inside it, is the fence's refusal.</returns>
    public static bool IsRefusal(Exception? exception)
    {
        while (exception is not null and not PostgresException { SqlState: FenceSql.Refused })
        {
            exception = exception.InnerException;
        }

        return exception is not null;
    }

    private static async Task<string?> ReadMapAsync(NpgsqlDataSource source, CancellationToken cancellationToken)
    {
        NpgsqlConnection connection = await source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            return await connection.ReadAsync<string>("select map from scaling_sharding.shard", cancellationToken).ConfigureAwait(false);
        }
    }
}
