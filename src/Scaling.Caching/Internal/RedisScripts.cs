namespace Scaling.Caching.Internal;

/// <summary>
/// The atomic steps, each on one key so that it runs on one node of a cluster. Publishing inside the script makes the order certain on every node:
/// first L2 changes, then the others hear of it.
/// </summary>
internal static class RedisScripts
{
    /// <summary>KEYS 1 entry · ARGV 1 lease, 2 its life in ms, 3 "1" to replace whatever is there. Returns what was there before, nil if nothing.</summary>
    public const string Lease = """
        if ARGV[3] ~= '1' then
          local found = redis.pcall('GET', KEYS[1])
          if type(found) == 'string' and found ~= '' then return found end
        end
        redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
        return false
        """;

    /// <summary>KEYS 1 entry · ARGV 1 expected stamp, 2 envelope, 3 its life in ms. Returns 1 if written.</summary>
    public const string Write = """
        if redis.call('GETRANGE', KEYS[1], 4, 11) ~= ARGV[1] then return 0 end
        redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
        return 1
        """;

    /// <summary>KEYS 1 entry · ARGV 1 void mark, 2 its life in ms, 3 channel, 4 message.</summary>
    public const string Invalidate = """
        redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
        redis.call('PUBLISH', ARGV[3], ARGV[4])
        return 1
        """;

    /// <summary>KEYS 1 tag · ARGV 1 stamp if none, 2 its life in ms, 3 channel, 4 message for when there was none. Returns the stamp.</summary>
    public const string TagStamp = """
        local stamp = redis.call('GET', KEYS[1])
        if stamp then redis.call('PEXPIRE', KEYS[1], ARGV[2]) return stamp end
        redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
        redis.call('PUBLISH', ARGV[3], ARGV[4])
        return ARGV[1]
        """;

    /// <summary>KEYS 1 tag · ARGV 1 stamp, 2 its life in ms, 3 channel, 4 message.</summary>
    public const string InvalidateTag = """
        redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
        redis.call('PUBLISH', ARGV[3], ARGV[4])
        return 1
        """;
}
