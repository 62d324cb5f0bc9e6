using Npgsql;

namespace Scaling.Sharding.Tests;

/// <summary>
/// What an application does to sharded users. An INSERT trusts the fence; every other statement first asks whether the slot is here, because one that
/// touches no row is not refused.
/// </summary>
internal static class Traffic
{
    /// <summary>A router that learns of moves by being refused, and by looking for a newer map.</summary>
    public static ShardSet<NpgsqlDataSource> Router(ShardMap first, Func<string, NpgsqlDataSource> open, IEnumerable<NpgsqlDataSource> all) =>
        new(first, open, new ShardSetOptions { LoadMap = async token => await ShardFence.LoadMapAsync(all, token) });

    /// <returns>How many rows were written: it must be 1.</returns>
    public static Task<int> WriteAsync(ShardSet<NpgsqlDataSource> router, long id, int slot, bool isNew) => router.ExecuteAsync(
        id,
        async (source, token) =>
        {
            await using NpgsqlConnection connection = await source.OpenConnectionAsync(token);
            await using NpgsqlBatch batch = isNew
                ? new NpgsqlBatch(connection) { BatchCommands = { new NpgsqlBatchCommand("insert into users (id, name, slot) values ($1, 'new', $2)") } }
                : Batch(connection, slot, "update users set version = version + 1 where id = $1 and slot = $2");
            NpgsqlBatchCommand write = batch.BatchCommands[^1];
            write.Parameters.Add(new() { Value = id });
            write.Parameters.Add(new() { Value = slot });
            await batch.ExecuteNonQueryAsync(token);
            return (int)write.RecordsAffected;
        });

    /// <returns>The version of a user, or null when there is none.</returns>
    public static Task<int?> ReadAsync(ShardSet<NpgsqlDataSource> router, long id, int slot) => router.ExecuteAsync(
        id,
        async (source, token) =>
        {
            await using NpgsqlConnection connection = await source.OpenConnectionAsync(token);
            await using NpgsqlBatch batch = Batch(connection, slot, "select version from users where id = $1");
            batch.BatchCommands[1].Parameters.Add(new() { Value = id });
            await using NpgsqlDataReader reader = await batch.ExecuteReaderAsync(token);
            await reader.NextResultAsync(token);
            return await reader.ReadAsync(token) ? reader.GetInt32(0) : (int?)null;
        });

    private static NpgsqlBatch Batch(NpgsqlConnection connection, int slot, string sql) => new(connection)
    {
        BatchCommands =
        {
            new NpgsqlBatchCommand("select scaling_sharding.require_slot($1)") { Parameters = { new() { Value = slot } } },
            new NpgsqlBatchCommand(sql),
        },
    };
}
