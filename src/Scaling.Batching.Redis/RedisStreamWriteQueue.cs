using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Scaling.Batching.Redis.Internal;
using StackExchange.Redis;

namespace Scaling.Batching.Redis;

/// <summary>A durable write queue on a Redis Stream: acknowledged once Redis has it, written to the store later, by any process.</summary>
/// <typeparam name="T">What is written.</typeparam>
/// <remarks>
/// <para>As durable as that Redis: with <c>appendonly yes</c> and <c>appendfsync always</c> what was acknowledged survives its crash. A
/// failover loses what had not been replicated yet; repeat it under its id if you still have it. With <c>min-replicas-to-write</c> Redis
/// refuses while it has no replica, and nothing is added.</para>
/// <para>Entries are delivered at least once; with <see cref="QueuedWrite{T}.Id"/> under a unique index their effect is exactly once.
/// All entries of a queue live in one stream, on a Redis Cluster in one slot: more queues spread over more nodes. Order is roughly, not
/// strictly, that of the entries.</para>
/// <para>All members are thread-safe; one process may drain several times.</para>
/// </remarks>
/// <example><code>
/// var queue = new RedisStreamWriteQueue&lt;NewUser&gt;(redis, "new-users", AppJson.Default.NewUser);
/// await queue.EnqueueAsync(new NewUser("Ada", "ada@example.org"), cancellationToken: cancellationToken);   // Redis has it
///
/// var insert = new PostgresInsert&lt;QueuedWrite&lt;NewUser&gt;&gt;("users")
///     .Column("write_id", w => w.Id).Column("name", w => w.Item.Name)
///     .OnConflictDoNothing("write_id");
/// await using var writer = new WriteBatcher&lt;QueuedWrite&lt;NewUser&gt;&gt;((writes, ct) => insert.ExecuteAsync(dataSource, writes, ct));
/// await queue.DrainAsync(writer.WriteAsync, stoppingToken);                                                // in any number of processes
/// </code></example>
[SuppressMessage("Naming", "CA1711", Justification = "It is a queue; the rule means System.Collections.Queue.")]
public sealed class RedisStreamWriteQueue<T> : IDisposable
{
    private readonly JsonTypeInfo<T> _json;
    private readonly RedisStreamWriteQueueOptions _options;
    private readonly TimeProvider _time;
    private readonly StreamCommands _stream;
    private readonly QueueMetrics _metrics;
    private readonly QueueLog _log;
    private volatile bool _isServerChecked;

    /// <summary>Opens a queue; nothing is sent yet.</summary>
    /// <param name="redis">The connection: a single Redis or a Redis Cluster, 6.2 or later, or Valkey.</param>
    /// <param name="name">The queue's name. Its keys are <c>{name}</c> and <c>{name}:dead</c>, so on a cluster both are in one slot.</param>
    /// <param name="json">How an item is serialized, from a source-generated context.</param>
    /// <param name="options">Bounds and patience.</param>
    /// <param name="timeProvider">The clock for pauses. How long a holder has been silent is told by Redis. Default: the system's.</param>
    /// <exception cref="ArgumentException">An option is out of its range, or the name is empty or has a brace in it.</exception>
    public RedisStreamWriteQueue(
        IConnectionMultiplexer redis, string name, JsonTypeInfo<T> json, RedisStreamWriteQueueOptions? options = null, TimeProvider? timeProvider = null)
    {
        ArgumentNullException.ThrowIfNull(redis);
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(json);
        if (name.AsSpan().IndexOfAny('{', '}') >= 0)
        {
            throw new ArgumentException($"The name \"{name}\" has a brace in it. The queue puts its own around the name, to keep its keys in one slot.", nameof(name));
        }

        _options = options ?? new();
        _options.Validate();
        _json = json;
        _time = timeProvider ?? TimeProvider.System;
        _stream = new(redis.GetDatabase(), name);
        _metrics = new(_options.MeterFactory, name);
        _log = new(_options.LoggerFactory, name);
    }

    /// <summary>Adds an item. The task completes when Redis has it.</summary>
    /// <param name="item">The item.</param>
    /// <param name="id">
    /// The identity of the write. Pass one of your own, for example to repeat an enqueue whose outcome is unknown: entries with one id
    /// are written once. Default: a new one (UUID version 7).
    /// </param>
    /// <param name="cancellationToken">Looked at before the item is sent. Afterwards the true outcome is awaited.</param>
    /// <returns>The identity, as the store will have it.</returns>
    /// <exception cref="WriteRejectedException">The queue is full, or Redis out of memory; nothing was added.</exception>
    /// <exception cref="WriteOutcomeUnknownException">Redis did not answer; the item may have been added.</exception>
    /// <exception cref="RedisException">Redis cannot be reached or refuses; nothing was added.</exception>
    /// <exception cref="TimeoutException">Redis could not be reached in time; nothing was added.</exception>
    /// <exception cref="NotSupportedException">The server has no streams (Garnet, for example).</exception>
    public async Task<Guid> EnqueueAsync(T item, Guid? id = null, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        byte[] payload = JsonSerializer.SerializeToUtf8Bytes(item, _json);
        if (!_isServerChecked)
        {
            await _stream.EnsureGroupAsync().ConfigureAwait(false); // says clearly what a server without streams would stammer about a script
            _isServerChecked = true;
        }

        Guid identity = id ?? Guid.CreateVersion7(_time.GetUtcNow());
        long? length = await _stream.AddAsync(identity.ToString(), payload, _options.MaxLength, isRepeatable: id is not null).ConfigureAwait(false);
        if (length is null)
        {
            _metrics.Count(EntryEvent.Rejected);
            throw new WriteRejectedException(
                $"The queue is full: {_options.MaxLength} entries wait or are dead letters. The item was not added: try again later, raise MaxLength, or drain faster.");
        }

        _metrics.Count(EntryEvent.Enqueued);
        _metrics.SawLength(length.Value);
        return identity;
    }

    /// <summary>Has entries written until it is cancelled, and takes over those of processes that have died.</summary>
    /// <param name="write">
    /// Writes one item, normally <see cref="WriteBatcher{TItem}.WriteAsync"/>. It is called for many items at once. Success removes the
    /// entry; an error that is the item's own fault moves it to the dead letters; any other is tried again until it passes.
    /// </param>
    /// <param name="cancellationToken">
    /// Ends the drain, and with it the writes that are still queued in the batcher. The task completes, without an error, when nothing is
    /// being written any more and all that was not written has been handed over to the other drains.
    /// </param>
    /// <exception cref="NotSupportedException">The server has no streams (Garnet, for example).</exception>
    /// <exception cref="RedisServerException">The key holds something else than a stream, or the user may not use it.</exception>
    public async Task DrainAsync(Func<QueuedWrite<T>, CancellationToken, ValueTask> write, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(write);
        await new StreamDrain<T>(_stream, _options, _json, _metrics, _log, _time, write).RunAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>How many entries wait, those being written included.</summary>
    public Task<long> GetLengthAsync() => _stream.LengthAsync();

    /// <summary>
    /// How many entries were given up; read them from the stream <c>{name}:dead</c> (fields <c>id</c>, <c>item</c>, <c>entry</c>, <c>error</c>).
    /// </summary>
    public Task<long> GetDeadLetterLengthAsync() => _stream.DeadLengthAsync();

    /// <summary>Puts the oldest dead letters back into the queue, under the identities they had: for after the fault has been mended.</summary>
    /// <param name="count">How many at most, from 1 to 1,000.</param>
    /// <returns>How many were put back.</returns>
    public Task<int> ReviveDeadLettersAsync(int count = 1_000)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, 1_000);
        return _stream.ReviveAsync(count);
    }

    /// <summary>Ends the queue's metrics. The connection stays open, and so does the queue in Redis.</summary>
    public void Dispose() => _metrics.Dispose();

    /// <summary>Whether the server can do what the queue needs. One that cannot be reached may.</summary>
    internal async Task CheckServerAsync()
    {
        try
        {
            await _stream.EnsureGroupAsync().ConfigureAwait(false);
        }
        catch (Exception error) when (StreamCommands.Passes(error))
        {
            _log.RedisFails(error);
        }
    }
}
