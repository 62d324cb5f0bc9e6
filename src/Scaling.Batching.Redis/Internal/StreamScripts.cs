namespace Scaling.Batching.Redis.Internal;

/// <summary>
/// What must happen whole or not at all. <c>KEYS[1]</c> is the stream and <c>KEYS[2]</c> the dead letters; both names share a hash tag, so
/// every script runs on a cluster as well.
/// </summary>
internal static class StreamScripts
{
    /// <summary>Arguments: bound, id, item. Returns the new length, or -1 if the queue is full. Never trims, as MAXLEN would.</summary>
    public const string Add = """
        local length = redis.call('XLEN', KEYS[1])
        if length + redis.call('XLEN', KEYS[2]) >= tonumber(ARGV[1]) then return -1 end
        redis.call('XADD', KEYS[1], '*', 'id', ARGV[2], 'item', ARGV[3])
        return length + 1
        """;

    /// <summary>The fields of an entry, if it is the one with that id (an entry made by somebody else may have none).</summary>
    private const string Find = """
        local function find(number, id)
            local entry = redis.call('XRANGE', KEYS[1], number, number)[1]
            if not entry then return nil end
            local found = ''
            for i = 1, #entry[2], 2 do
                if entry[2][i] == 'id' then found = entry[2][i + 1] break end
            end
            return found == id and entry[2] or nil
        end

        """;

    /// <summary>
    /// Arguments: group, then entry and id in turn. An entry acknowledged but not deleted would take room for ever. After a failover the
    /// number of an entry that was lost may have been given to another one, which the id tells apart.
    /// </summary>
    public const string Remove = Find + """
        local entries = {}
        for i = 2, #ARGV, 2 do
            if find(ARGV[i], ARGV[i + 1]) then table.insert(entries, ARGV[i]) end
        end
        if #entries == 0 then return 0 end
        redis.call('XACK', KEYS[1], ARGV[1], unpack(entries))
        return redis.call('XDEL', KEYS[1], unpack(entries))
        """;

    /// <summary>Arguments: group, entry, id, error. Whoever finds the entry gone has been overtaken by another holder, and buries nothing.</summary>
    public const string Bury = Find + """
        local fields = find(ARGV[2], ARGV[3])
        if not fields then return 0 end
        table.insert(fields, 'error')
        table.insert(fields, ARGV[4])
        redis.call('XADD', KEYS[2], '*', 'entry', ARGV[2], unpack(fields))
        redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
        return redis.call('XDEL', KEYS[1], ARGV[2])
        """;

    /// <summary>Arguments: bound, group. Puts the oldest dead letters back into the stream. Returns how many.</summary>
    public const string Revive = """
        local letters = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', ARGV[1])
        for _, letter in ipairs(letters) do
            local fields, kept = letter[2], {}
            for i = 1, #fields, 2 do
                if fields[i] ~= 'entry' and fields[i] ~= 'error' then
                    table.insert(kept, fields[i])
                    table.insert(kept, fields[i + 1])
                end
            end
            redis.call('XADD', KEYS[1], '*', unpack(kept))
            redis.call('XDEL', KEYS[2], letter[1])
        end
        return #letters
        """;

    /// <summary>Arguments: group, silence in milliseconds. Forgets consumers that hold nothing and have been silent: every process adds one.</summary>
    public const string Tidy = """
        for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
            local facts = {}
            for i = 1, #consumer, 2 do facts[consumer[i]] = consumer[i + 1] end
            if facts['pending'] == 0 and facts['idle'] > tonumber(ARGV[2]) then
                redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], facts['name'])
            end
        end
        return redis.call('XLEN', KEYS[1])
        """;
}
