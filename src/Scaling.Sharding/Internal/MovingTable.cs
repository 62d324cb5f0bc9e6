using Npgsql;

namespace Scaling.Sharding.Internal;

/// <summary>A table as the mover needs it: its columns, its key, and the SQL made from them.</summary>
internal sealed class MovingTable
{
    private readonly string[] _columns;
    private readonly string[] _settable;
    private readonly string[] _keys;

    private MovingTable(string name, string plainName, string slot, string[] columns, string[] settable, string[] keys)
    {
        (Name, Slot, _columns, _settable, _keys) = (name, slot, columns, settable, keys);
        Log = $"scaling_sharding.{Quote("log " + plainName)}";
        GuardFunction = $"scaling_sharding.{Quote("guard " + plainName)}";
        Delta = $"pg_temp.{Quote("delta " + plainName)}";
    }

    /// <summary>Schema and name, quoted.</summary>
    public string Name { get; }

    public string Slot { get; }

    /// <summary>The keys that changed while slots move.</summary>
    public string Log { get; }

    public string GuardFunction { get; }

    /// <summary>A temporary table of the mover: changed keys, each with its row or without.</summary>
    public string Delta { get; }

    public string Columns => string.Join(", ", _columns);

    public string KeyList(string prefix) => string.Join(", ", _keys.Select(key => prefix + key));

    public string RowHash => $"('x' || substr(md5(row({Columns})::text), 1, 15))::bit(60)::bigint";

    public string CreateDelta => $"create temporary table if not exists {Delta["pg_temp.".Length..]} on commit delete rows as select {string.Join(", ", _keys.Select((key, i) => $"{key} as k{i}"))}, false as present, {Columns} from {Name} with no data";

    /// <summary>Takes the log and reads the row of each key in it, all in one snapshot: a change that is in the log is in the row.</summary>
    public string TakeLog => $"""
        with taken as (delete from {Log} returning *), keys as (select distinct {KeyList("")} from taken)
        select {KeyList("keys.")}, t.{_keys[0]} is not null, {string.Join(", ", _columns.Select(column => "t." + column))}
        from keys left join {Name} t on {Match("t", "keys", key => key)}
        """;

    public string DeleteGone => $"delete from {Name} t using {Delta} d where not d.present and {Match("t", "d", key => $"k{Array.IndexOf(_keys, key)}")}";

    public string Upsert => $"""
        insert into {Name} ({Columns}) overriding system value select {Columns} from {Delta} where present
        on conflict ({KeyList("")}) do {(_settable.Length == 0 ? "nothing" : "update set " + string.Join(", ", _settable.Select(column => $"{column} = excluded.{column}")))}
        """;

    public static async Task<MovingTable> DescribeAsync(NpgsqlConnection connection, string table, string slotColumn, CancellationToken cancellationToken)
    {
        const string sql = """
            select format('%I.%I', n.nspname, c.relname), n.nspname || '.' || c.relname, format('%I', a.attname), a.attname = $2, a.attgenerated <> '',
                   a.attidentity = 'a', coalesce(array_position(i.indkey::int2[], a.attnum) + 1, 0) -- an int2vector counts from 0
            from pg_class c
            join pg_namespace n on n.oid = c.relnamespace
            join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
            left join pg_index i on i.indrelid = c.oid and i.indisprimary
            where c.oid = $1::regclass
            order by a.attnum
            """;
        var columns = new List<(string Name, bool Identity, int KeyPosition)>();
        (string Name, string Plain, string? Slot) found = ("", "", null);
        var command = new NpgsqlCommand(sql, connection) { Parameters = { new() { Value = table }, new() { Value = slotColumn } } };
        await using (command.ConfigureAwait(false))
        {
            NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                {
                    found = (reader.GetString(0), reader.GetString(1), reader.GetBoolean(3) ? reader.GetString(2) : found.Slot);
                    if (!reader.GetBoolean(4))
                    {
                        columns.Add((reader.GetString(2), reader.GetBoolean(5), reader.GetInt32(6)));
                    }
                }
            }
        }

        (string Name, bool Identity, int KeyPosition)[] keys = [.. columns.Where(column => column.KeyPosition > 0).OrderBy(column => column.KeyPosition)];
        if (found.Slot is null || keys.Length == 0)
        {
            throw new ArgumentException($"Table {table} needs {(found.Slot is null ? $"a column '{slotColumn}' for the slot" : "a primary key")}, so that its rows can be moved.", nameof(table));
        }

        return new MovingTable(
            found.Name,
            found.Plain,
            found.Slot,
            [.. columns.Select(column => column.Name)],
            [.. columns.Where(column => !column.Identity && column.KeyPosition == 0).Select(column => column.Name)],
            [.. keys.Select(key => key.Name)]);
    }

    private static string Quote(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    private string Match(string left, string right, Func<string, string> rightColumn) =>
        string.Join(" and ", _keys.Select(key => $"{left}.{key} = {right}.{rightColumn(key)}"));
}
