using System.Diagnostics;
using Npgsql;
using NpgsqlTypes;
using Scaling.Sharding;
using TierDemo.Servers;
using TierDemo.Users;

namespace TierDemo.Seed;

/// <summary>What seeding did.</summary>
public sealed record SeedResult(long Rows, TimeSpan Elapsed)
{
    public double RowsPerSecond => Rows / Elapsed.TotalSeconds;
}

/// <summary>Creates the tables anew and fills them by binary COPY.</summary>
public static class Seeder
{
    /// <summary>Fills the users table, and for tier 4 the shards with the same users.</summary>
    public static async Task<SeedResult> SeedAsync(BackendSettings settings, int highestTier, int count, Action<string> say, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        var watch = Stopwatch.StartNew();
        await using (var primary = NpgsqlDataSource.Create(settings.Primary))
        {
            await RefuseForeignTableAsync(primary, cancellationToken);
            await RunAsync(primary, Schema.Single, cancellationToken);
            await CopyAsync(primary, Enumerable.Range(1, count).Select(id => (long)id), slot: null, cancellationToken);
            await RunAsync(primary, Schema.AfterSingle(count), cancellationToken);
        }

        var result = new SeedResult(count, watch.Elapsed);
        say($"Inserted {result.Rows:N0} users in {result.Elapsed.TotalSeconds:F2} s");
        say($"Insert rate: {result.RowsPerSecond:N0} rows/s (binary COPY; the guide's script managed 2,380)");
        if (highestTier >= 4)
        {
            await SeedShardsAsync(settings, count, cancellationToken);
        }

        return result;
    }

    /// <summary>True when there is a users table with rows to serve, and for tier 4 the shards that the directory names.</summary>
    /// <exception cref="InvalidOperationException">The user named a shard that the directory does not know.</exception>
    public static async Task<bool> IsSeededAsync(BackendSettings settings, int highestTier, CancellationToken cancellationToken)
    {
        await using (var primary = NpgsqlDataSource.Create(settings.Primary))
        {
            if (!await HasUsersTableAsync(primary, cancellationToken))
            {
                return false;
            }

            await using NpgsqlCommand any = primary.CreateCommand("SELECT EXISTS (SELECT FROM users)");
            if (await any.ExecuteScalarAsync(cancellationToken) is not true)
            {
                return false;
            }
        }

        return highestTier < 4 || await AreShardsSeededAsync(settings, cancellationToken);
    }

    /// <summary>Makes an empty users table in the database of a shard, and its fence.</summary>
    internal static async Task PrepareShardAsync(
        NpgsqlDataSource shard, string name, ShardMap map, IEnumerable<long> ids, CancellationToken cancellationToken)
    {
        await RefuseForeignTableAsync(shard, cancellationToken);
        await RunAsync(shard, Schema.Shard, cancellationToken);
        await CopyAsync(shard, ids, id => map.GetSlot(id), cancellationToken);
        await RunAsync(shard, Schema.AfterShard, cancellationToken);
        await ShardFence.InstallAsync(shard, name, map, [UserShards.Table], cancellationToken: cancellationToken);
    }

    private static async Task<bool> AreShardsSeededAsync(BackendSettings settings, CancellationToken cancellationToken)
    {
        var directory = new ShardDirectory(settings.Primary);
        IReadOnlyDictionary<string, string> shards = await directory.ReadAsync(cancellationToken);
        if (shards.Count == 0)
        {
            return false;
        }

        if (settings.Shards.FirstOrDefault(named => !shards.Values.Contains(directory.Checked(named))) is { } unknown)
        {
            throw new InvalidOperationException(
                $"The users are spread over {shards.Count} shards, and {new NpgsqlConnectionStringBuilder(unknown).Database} is none of them. Add it while tier 4 serves (add-shard --shard), or seed anew in another database.");
        }

        foreach (string shard in shards.Values)
        {
            await using var source = NpgsqlDataSource.Create(shard);
            if (!await HasUsersTableAsync(source, cancellationToken))
            {
                return false;
            }
        }

        return true;
    }

    private static async Task<bool> HasUsersTableAsync(NpgsqlDataSource source, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand table = source.CreateCommand("SELECT to_regclass('users') IS NOT NULL");
        return await table.ExecuteScalarAsync(cancellationToken) is true;
    }

    private static async Task SeedShardsAsync(BackendSettings settings, int count, CancellationToken cancellationToken)
    {
        var directory = new ShardDirectory(settings.Primary);
        await directory.ReplaceAsync([], cancellationToken); // until all are filled there are none
        ShardMap map = UserShards.FirstMap(settings.Shards.Count);
        ILookup<string, long> byShard = Enumerable.Range(1, count).Select(id => (long)id).ToLookup(id => map.GetShard(id));
        await Task.WhenAll(settings.Shards.Select(async (connectionString, index) =>
        {
            await using var shard = NpgsqlDataSource.Create(connectionString);
            await PrepareShardAsync(shard, UserShards.Name(index), map, byShard[UserShards.Name(index)], cancellationToken);
        }));
        await directory.ReplaceAsync(settings.Shards.Select((connectionString, index) => (UserShards.Name(index), connectionString)), cancellationToken);
    }

    // On a server the user named, a table called users may be theirs; so may a fence around other tables.
    private static async Task RefuseForeignTableAsync(NpgsqlDataSource source, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = source.CreateCommand(
            "SELECT coalesce(to_regclass('users')::oid, to_regnamespace('scaling_sharding')::oid) IS NOT NULL AND obj_description(to_regclass('users')) IS DISTINCT FROM $1");
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = Schema.Mark });
        if (await command.ExecuteScalarAsync(cancellationToken) is true)
        {
            throw new InvalidOperationException(
                "The database has a table 'users' or a shard fence that TierDemo did not make, and seeding would replace it. Name a database of its own, for example one made by CREATE DATABASE tierdemo.");
        }
    }

    private static async Task CopyAsync(NpgsqlDataSource source, IEnumerable<long> ids, Func<long, int>? slot, CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await source.OpenConnectionAsync(cancellationToken);
        await using NpgsqlBinaryImporter writer = await connection.BeginBinaryImportAsync(
            $"COPY users (id, name, email, created_at{(slot is null ? "" : ", slot")}) FROM STDIN (FORMAT BINARY)", cancellationToken);
        DateTime start = DateTime.UtcNow;
        foreach (long id in ids)
        {
            await writer.StartRowAsync(cancellationToken);
            await writer.WriteAsync(id, NpgsqlDbType.Bigint, cancellationToken);
            await writer.WriteAsync($"User {id}", NpgsqlDbType.Text, cancellationToken);
            await writer.WriteAsync($"user{id}@example.com", NpgsqlDbType.Text, cancellationToken);
            await writer.WriteAsync(start, NpgsqlDbType.TimestampTz, cancellationToken);
            if (slot is not null)
            {
                await writer.WriteAsync(slot(id), NpgsqlDbType.Integer, cancellationToken);
            }
        }

        await writer.CompleteAsync(cancellationToken);
    }

    private static async Task RunAsync(NpgsqlDataSource source, string sql, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
