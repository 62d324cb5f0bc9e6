using StackExchange.Redis;

namespace Scaling.Batching.Redis.Internal;

/// <summary>The commands of one queue, and what Redis' errors mean for it.</summary>
internal sealed class StreamCommands(IDatabase redis, string name)
{
    // One group only: what it acknowledges is deleted.
    private const string Group = "writers";
    private const int ArgumentsPerCommand = 1_000; // Lua's unpack has a limit of some thousands

    private readonly RedisKey[] _keys = [$"{{{name}}}", $"{{{name}}}:dead"];

    /// <summary>Makes the consumer group if it is not there. Throws at once where it could never be.</summary>
    public async Task EnsureGroupAsync()
    {
        try
        {
            await redis.StreamCreateConsumerGroupAsync(_keys[0], Group, StreamPosition.Beginning).ConfigureAwait(false);
        }
        catch (RedisServerException error) when (error.Message.StartsWith("BUSYGROUP", StringComparison.Ordinal))
        {
        }
        catch (RedisServerException error) when (error.Message.Contains("unknown command", StringComparison.OrdinalIgnoreCase))
        {
            throw new NotSupportedException("This server has no streams, and the queue needs them. Use Redis 6.2 or later, or Valkey; Garnet has no streams.", error);
        }
    }

    /// <summary>Adds an entry. Returns the new length, or null if the queue is full.</summary>
    public async Task<long?> AddAsync(string id, byte[] payload, int maxLength, bool isRepeatable)
    {
        try
        {
            long length = (long)await redis.ScriptEvaluateAsync(StreamScripts.Add, _keys, [maxLength, id, payload]).ConfigureAwait(false);
            return length < 0 ? null : length;
        }
        catch (Exception error) when (MayHaveBeenSent(error))
        {
            throw new WriteOutcomeUnknownException("Redis did not confirm that it has the item; it may or may not have been added.", error, isRepeatable);
        }
        catch (RedisServerException error) when (error.Message.Contains("OOM ", StringComparison.Ordinal))
        {
            throw new WriteRejectedException("Redis has no memory left (maxmemory). The item was not added.", error);
        }
    }

    public async Task<Delivery[]> ReadNewAsync(string consumer, int count) =>
        ToDeliveries(await redis.StreamReadGroupAsync(_keys[0], Group, consumer, StreamPosition.NewMessages, count).ConfigureAwait(false));

    /// <summary>Entries whose holder has been silent, with the number of times each was delivered.</summary>
    public Task<StreamPendingMessageInfo[]> ListAbandonedAsync(TimeSpan silence, int count) =>
        redis.StreamPendingMessagesAsync(_keys[0], Group, count, RedisValue.Null, null, null, (long)silence.TotalMilliseconds);

    /// <summary>Takes entries over. One that another process was quicker to take is not among those returned.</summary>
    public async Task<Delivery[]> ClaimAsync(string consumer, TimeSpan silence, RedisValue[] entries) =>
        ToDeliveries(await redis.StreamClaimAsync(_keys[0], Group, consumer, (long)silence.TotalMilliseconds, entries).ConfigureAwait(false));

    /// <summary>Shows that the holder is alive, without counting as a delivery.</summary>
    public async Task RenewAsync(string consumer, IEnumerable<Delivery> held)
    {
        foreach (Delivery[] some in held.Chunk(ArgumentsPerCommand))
        {
            await redis.StreamClaimIdsOnlyAsync(_keys[0], Group, consumer, 0, Array.ConvertAll(some, entry => (RedisValue)entry.Entry)).ConfigureAwait(false);
        }
    }

    /// <summary>Gives entries up for anyone to take at once. Their deliveries so far do not count: nobody died of them.</summary>
    public async Task HandOverAsync(string consumer, TimeSpan silence, IEnumerable<Delivery> held)
    {
        foreach (Delivery[] some in held.Chunk(ArgumentsPerCommand))
        {
            object[] arguments = [_keys[0], Group, consumer, 0, .. some.Select(entry => entry.Entry), "IDLE", (long)silence.TotalMilliseconds, "RETRYCOUNT", 0, "JUSTID"];
            await redis.ExecuteAsync("XCLAIM", arguments).ConfigureAwait(false);
        }
    }

    public async Task RemoveAsync(IEnumerable<Delivery> entries)
    {
        foreach (Delivery[] some in entries.Chunk(ArgumentsPerCommand))
        {
            await redis.ScriptEvaluateAsync(StreamScripts.Remove, _keys, [Group, .. some.SelectMany(entry => (RedisValue[])[entry.Entry, entry.Id ?? ""])]).ConfigureAwait(false);
        }
    }

    public Task BuryAsync(Delivery entry, string error) => redis.ScriptEvaluateAsync(StreamScripts.Bury, _keys, [Group, entry.Entry, entry.Id ?? "", error]);

    public async Task<int> ReviveAsync(int count) => (int)await redis.ScriptEvaluateAsync(StreamScripts.Revive, _keys, [count]).ConfigureAwait(false);

    public Task TidyAsync(TimeSpan silence) => redis.ScriptEvaluateAsync(StreamScripts.Tidy, _keys, [Group, (long)silence.TotalMilliseconds]);

    public Task<long> LengthAsync() => redis.StreamLengthAsync(_keys[0]);

    public Task<long> DeadLengthAsync() => redis.StreamLengthAsync(_keys[1]);

    /// <summary>Redis is away, restarting, moving slots, or has lost our group: all of that passes. A wrong type or a missing permission does not.</summary>
    public static bool Passes(Exception error) => error is RedisException or TimeoutException
        && !(error is RedisServerException server && (server.Message.StartsWith("WRONGTYPE", StringComparison.Ordinal) || server.Message.StartsWith("NOPERM", StringComparison.Ordinal)));

    private static bool MayHaveBeenSent(Exception error) => error switch
    {
        RedisConnectionException connection => connection.CommandStatus != CommandStatus.WaitingInBacklog && connection.FailureType != ConnectionFailureType.UnableToConnect,
        RedisTimeoutException timeout => timeout.Commandstatus != CommandStatus.WaitingInBacklog,
        _ => false,
    };

    private static Delivery[] ToDeliveries(StreamEntry[] entries) =>
        [.. entries.Where(entry => !entry.IsNull).Select(entry => new Delivery(entry.Id!, entry["id"], (ReadOnlyMemory<byte>)entry["item"]))];
}
