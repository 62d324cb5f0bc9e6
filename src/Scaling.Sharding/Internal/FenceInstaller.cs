using System.IO.Hashing;
using System.Text;
using Npgsql;

namespace Scaling.Sharding.Internal;

/// <summary>Puts up the fence, or sees that it stands already: each part carries the digest of its SQL as its comment.</summary>
internal static class FenceInstaller
{
    public static async Task InstallAsync(
        NpgsqlConnection connection, string shard, ShardMap map, IReadOnlyList<string> tables, string slotColumn, CancellationToken cancellationToken)
    {
        await connection.RunAsync($"select pg_advisory_xact_lock({FenceSql.InstallLock})", cancellationToken).ConfigureAwait(false);
        string schemaDigest = Digest(FenceSql.Schema);
        if (await connection.ReadAsync<string>("select obj_description(to_regnamespace('scaling_sharding'), 'pg_namespace')", cancellationToken).ConfigureAwait(false) != schemaDigest)
        {
            await connection.RunAsync($"{FenceSql.Schema}; comment on schema scaling_sharding is '{schemaDigest}'", cancellationToken).ConfigureAwait(false);
        }

        await connection.RunAsync(
            "insert into scaling_sharding.shard (name, owned, version, map) values ($1, $2::int4multirange, $3, $4) on conflict do nothing",
            cancellationToken,
            shard,
            SlotRanges.ToMultirange(map.Shards.Contains(shard) ? map.GetSlots(shard) : []),
            map.Version,
            map.ToJson()).ConfigureAwait(false);
        string? name = await connection.ReadAsync<string>("select name from scaling_sharding.shard", cancellationToken).ConfigureAwait(false);
        if (name != shard)
        {
            throw new InvalidOperationException($"This database is shard '{name}', not '{shard}': check the connection strings.");
        }

        await TakeNewerMapAsync(connection, shard, map, cancellationToken).ConfigureAwait(false);
        foreach (string table in tables)
        {
            await GuardAsync(connection, await MovingTable.DescribeAsync(connection, table, slotColumn, cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Stores a newer map that moves nothing: other weights or zones, or a key that is given its own slot where it is.</summary>
    private static async Task TakeNewerMapAsync(NpgsqlConnection connection, string shard, ShardMap map, CancellationToken cancellationToken)
    {
        var stored = ShardMap.FromJson((await connection.ReadAsync<string>("select map from scaling_sharding.shard for update", cancellationToken).ConfigureAwait(false))!);
        if (map.Version <= stored.Version)
        {
            return;
        }

        if (ShardMap.Diff(stored, map).Moves.Any(move => move.From == shard || move.To == shard))
        {
            throw new InvalidOperationException($"Map version {map.Version} moves slots from or to shard '{shard}', which stores version {stored.Version}: carry that out with ShardMove.");
        }

        await connection.RunAsync(
            "update scaling_sharding.shard set owned = $1::int4multirange, version = $2, map = $3 where isempty(moving)",
            cancellationToken,
            SlotRanges.ToMultirange(map.Shards.Contains(shard) ? map.GetSlots(shard) : []),
            map.Version,
            map.ToJson()).ConfigureAwait(false);
    }

    private static async Task GuardAsync(NpgsqlConnection connection, MovingTable table, CancellationToken cancellationToken)
    {
        string guard = FenceSql.Guard(table);
        string digest = Digest(guard);
        if (await connection.ReadAsync<string>("select obj_description(to_regprocedure($1), 'pg_proc')", cancellationToken, table.GuardFunction + "()").ConfigureAwait(false) == digest)
        {
            return;
        }

        if (await connection.ReadAsync<bool>("select not isempty(moving) from scaling_sharding.shard", cancellationToken).ConfigureAwait(false))
        {
            throw new InvalidOperationException($"The fence of table {table.Name} is new or must change, and slots are being moved. Finish the move or roll it back first.");
        }

        await connection.RunAsync($"{guard}; comment on function {table.GuardFunction}() is '{digest}'", cancellationToken).ConfigureAwait(false);
    }

    private static string Digest(string sql) => XxHash3.HashToUInt64(Encoding.UTF8.GetBytes(sql)).ToString("x16", null);
}
