using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Threading.Channels;
using StackExchange.Redis;

namespace Scaling.Batching.Redis.Internal;

/// <summary>One consumer of the group: takes entries, has them written, removes what was written, keeps what was not.</summary>
/// <remarks>
/// <para>One loop owns all state; writes run beside it and report through a channel. So renewing and taking over never wait for the
/// store, and nothing needs a lock.</para>
/// <para>What may go wrong between the store's commit and the removal from the stream, and why no effect is lost or doubled:
/// <list type="number">
/// <item>The process dies: the entry stays pending, another consumer claims it, and the store knows its id already.</item>
/// <item>The process was frozen and its entries were claimed: both write the same id, and both remove the same entry.</item>
/// <item>Redis forgets the removal, or the delivery, in a crash: the entry is delivered again, as in 1.</item>
/// <item>Redis is away: the written entry stays in <see cref="_written"/>, held and renewed, until the removal succeeds.</item>
/// </list></para>
/// </remarks>
internal sealed partial class StreamDrain<T>(
    StreamCommands stream,
    RedisStreamWriteQueueOptions options,
    JsonTypeInfo<T> json,
    QueueMetrics metrics,
    QueueLog log,
    TimeProvider time,
    Func<QueuedWrite<T>, CancellationToken, ValueTask> write)
{
    private readonly string _consumer = $"{Environment.MachineName}:{Environment.ProcessId}:{Guid.NewGuid():N}";
    private readonly Channel<(Delivery Entry, Exception? Error)> _ended = Channel.CreateUnbounded<(Delivery, Exception?)>(new() { SingleReader = true });
    private readonly Dictionary<string, Delivery> _held = [];
    private readonly List<Delivery> _written = [], _again = [];
    private readonly List<(Delivery Entry, Exception Error)> _bad = [];
    private readonly Backoff _storePause = new(options.PollInterval), _redisPause = new(options.PollInterval);
    private Task<bool>? _nextEnd;
    private int _writing;
    private long _retryAt;

    /// <summary>Runs until it is cancelled. Then it settles what is being written and hands over what it still holds.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            bool hasGroup = false;
            while (!cancellationToken.IsCancellationRequested)
            {
                TimeSpan rest = options.PollInterval;
                try
                {
                    if (!hasGroup)
                    {
                        await stream.EnsureGroupAsync().ConfigureAwait(false);
                        hasGroup = true;
                    }

                    if (await WorkAsync(end.Token).ConfigureAwait(false))
                    {
                        rest = TimeSpan.Zero;
                    }

                    _redisPause.Reset();
                }
                catch (Exception error) when (StreamCommands.Passes(error))
                {
                    hasGroup = false; // it may have come back without
                    FailedByRedis(error);
                    rest = _redisPause.Next();
                }

                await RestAsync(rest, cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            await end.CancelAsync().ConfigureAwait(false);
            await LeaveAsync().ConfigureAwait(false);
        }
    }

    /// <summary>True: there is more to do at once. False: nothing happens before a write ends or time passes.</summary>
    private async Task<bool> WorkAsync(CancellationToken cancellationToken)
    {
        Collect();
        await SettleAsync().ConfigureAwait(false);
        await RenewAsync().ConfigureAwait(false);
        if (_again.Count > 0)
        {
            // Back-pressure: nothing new is taken while something taken could not be written.
            if (time.GetTimestamp() < _retryAt)
            {
                return false;
            }

            metrics.Count(EntryEvent.Retried, _again.Count);
            StartAll(_again, cancellationToken);
            _again.Clear();
            return true;
        }

        Delivery[] taken = await TakeAsync().ConfigureAwait(false);
        StartAll(taken, cancellationToken);
        return taken.Length > 0;
    }

    private void StartAll(IEnumerable<Delivery> entries, CancellationToken cancellationToken)
    {
        foreach (Delivery entry in entries)
        {
            _writing++;
            _ = WriteAsync(entry, cancellationToken);
        }
    }

    /// <summary>Never throws: how the write ended is reported to the loop.</summary>
    private async Task WriteAsync(Delivery entry, CancellationToken cancellationToken)
    {
        Exception? error = null;
        try
        {
            if (!Guid.TryParse(entry.Id, out Guid id))
            {
                throw new JsonException("The entry has no id: it was not made by EnqueueAsync.");
            }

            T item = JsonSerializer.Deserialize(entry.Payload.Span, json) ?? throw new JsonException("The item is null.");
            await write(new(id, item), cancellationToken).ConfigureAwait(false);
        }
        catch (Exception thrown)
        {
            error = thrown;
        }

        _ended.Writer.TryWrite((entry, error));
    }

    /// <summary>Sorts the writes that have ended by what is to be done about them.</summary>
    private void Collect()
    {
        bool succeeded = false;
        Exception? failure = null;
        while (_ended.Reader.TryRead(out (Delivery Entry, Exception? Error) end))
        {
            _writing--;
            switch (end.Error)
            {
                case null:
                    succeeded = true;
                    metrics.Written(end.Entry, time.GetUtcNow());
                    _written.Add(end.Entry);
                    break;
                case JsonException:
                case { } error when options.IsRowFault(error):
                    succeeded = true; // the store answered
                    _bad.Add((end.Entry, end.Error!));
                    break;
                default:
                    failure = end.Error;
                    _again.Add(end.Entry);
                    break;
            }
        }

        NoteStore(succeeded, failure);
    }

    /// <summary>Removes what was written and buries what cannot be. What Redis does not confirm stays in its list.</summary>
    private async Task SettleAsync()
    {
        await stream.RemoveAsync(_written).ConfigureAwait(false);
        _written.ForEach(entry => _held.Remove(entry.Entry));
        _written.Clear();
        while (_bad.Count > 0)
        {
            (Delivery entry, Exception error) = _bad[^1];
            await stream.BuryAsync(entry, error.ToString()).ConfigureAwait(false);
            log.Buried(entry.Entry, error);
            metrics.Count(EntryEvent.Buried);
            _held.Remove(entry.Entry);
            _bad.RemoveAt(_bad.Count - 1);
        }
    }

    private async Task RestAsync(TimeSpan rest, CancellationToken cancellationToken)
    {
        if (rest == TimeSpan.Zero)
        {
            return;
        }

        // The pending wait is kept: a channel's waits pile up if they are dropped.
        _nextEnd = _nextEnd is null or { IsCompleted: true } ? _ended.Reader.WaitToReadAsync(CancellationToken.None).AsTask() : _nextEnd;
        await Task.WhenAny(_nextEnd, Task.Delay(rest, time, cancellationToken)).ConfigureAwait(false);
    }

    private async Task LeaveAsync()
    {
        while (_writing > 0)
        {
            await (_nextEnd ?? _ended.Reader.WaitToReadAsync(CancellationToken.None).AsTask()).ConfigureAwait(false);
            _nextEnd = null;
            Collect();
        }

        try
        {
            await SettleAsync().ConfigureAwait(false);
            await stream.HandOverAsync(_consumer, options.AbandonedAfter, _held.Values).ConfigureAwait(false);
        }
        catch (Exception error) when (error is RedisException or TimeoutException)
        {
            log.NotHandedOver(_held.Count, error);
        }
    }

    private void NoteStore(bool succeeded, Exception? failure)
    {
        if (failure is not null)
        {
            if (_storePause.IsReset)
            {
                log.StoreFails(failure);
            }

            _retryAt = time.GetTimestamp() + (long)(_storePause.Next().TotalSeconds * time.TimestampFrequency);
        }
        else if (succeeded && !_storePause.IsReset)
        {
            _storePause.Reset();
            log.Recovered();
        }
    }

    private void FailedByRedis(Exception error)
    {
        metrics.Failed();
        if (_redisPause.IsReset)
        {
            log.RedisFails(error);
        }
    }
}
