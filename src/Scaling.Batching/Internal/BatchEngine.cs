namespace Scaling.Batching.Internal;

/// <summary>What both batchers are made of: callers in front of the gate, one loop behind it.</summary>
/// <remarks>
/// <para>All state of windows, partitions, keys and flushes belongs to one loop. Whatever happens (a write, a batch come back, a
/// timer, a stop) reaches it as a message through one mailbox, so nothing in there needs a lock.</para>
/// <para>Why the mailbox is a list of our own and not a channel:
/// <list type="number">
/// <item>.NET 10's bounded channels lose items when a read is cancelled (dotnet/runtime #131141; reproduced: 87 of 2.9 million).</item>
/// <item>A cancelled write to a bounded channel can throw and still have stored its item: the caller is told a lie.</item>
/// <item>So room is the gate's business, cancellation is one atomic state per write, and the mailbox only carries.</item>
/// <item>An unbounded channel does that as well, but takes a lock for every write and wakes its reader for every write, also while
/// all the loop could do is add it to the others. Without it a write costs a quarter less (<c>docs/results/batching.md</c>).</item>
/// </list></para>
/// </remarks>
internal sealed partial class BatchEngine<TItem, TResult> : IAsyncDisposable, IThreadPoolWorkItem
{
    private static readonly TimeSpan s_disposePatience = TimeSpan.FromSeconds(30);

    private readonly Mailbox _mailbox;
    private readonly WriteBatcherOptions _options;
    private readonly WriteBatcherOptions<TItem>? _itemOptions;
    private readonly TimeProvider _time;
    private readonly AdmissionGate _gate;
    private readonly BatchingMetrics _metrics;
    private readonly BatchRunner<TItem, TResult> _runner;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public BatchEngine(
        Func<IReadOnlyList<TItem>, CancellationToken, Task<IReadOnlyList<TResult>>> write, WriteBatcherOptions options, TimeProvider time)
    {
        options.Validate();
        _options = options;
        _itemOptions = options as WriteBatcherOptions<TItem>;
        if (_itemOptions is null && options.GetType() != typeof(WriteBatcherOptions))
        {
            throw new ArgumentException(
                $"{options.GetType()} cannot look at a {typeof(TItem)}. Pass a WriteBatcherOptions<{typeof(TItem).Name}> or a plain WriteBatcherOptions.", nameof(options));
        }

        _time = time;
        _mailbox = new(this, time);
        Log = new(options.LoggerFactory);
        _gate = new(options.Capacity, options.CapacityBytes ?? long.MaxValue, Post);
        _metrics = new(options.MeterFactory, options.Name ?? typeof(TItem).Name, () => _gate.Pending);
        var call = new WriteCall<TItem, TResult>(write, options, _metrics, time);
        _runner = new(call, _gate, Post, _itemOptions?.OnDeadLetter, _metrics, Log);

        // The creator's AsyncLocals and Activity must not travel with every batch from now on.
        using (ExecutionContext.IsFlowSuppressed() ? default : ExecutionContext.SuppressFlow())
        {
            _timer = time.CreateTimer(static engine => ((BatchEngine<TItem, TResult>)engine!).Post(new Wake()), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    public BatcherLog Log { get; }

    /// <summary>Takes a write in, or throws before anything has happened.</summary>
    public PendingWrite<TItem, TResult> Enqueue(TItem item, CancellationToken cancellationToken)
    {
        PendingWrite<TItem, TResult> write = WritePool<TItem, TResult>.Rent();
        write.Start(this, item);
        if (_itemOptions is { } look)
        {
            LookAt(write, look);
        }

        write.ListenTo(cancellationToken);
        switch (_gate.Enter(write, wait: !_options.RejectWhenFull))
        {
            case Admission.Full:
                throw Refuse(write, WriteRejectedException.Full(_options.Capacity));
            case Admission.Closed:
                throw Refuse(write, WriteRejectedException.Stopped());
            default:
                return write;
        }
    }

    public Task FlushAsync(CancellationToken cancellationToken)
    {
        var flush = new Flush();
        if (_gate.Enter(flush, wait: true) == Admission.Closed)
        {
            return _ended.Task.WaitAsync(cancellationToken); // stopping settles everything as well
        }

        return flush.Settled.WaitAsync(cancellationToken);
    }

    public async Task StopAsync(CancellationToken deadline)
    {
        _gate.Close();
        Post(new Wake());
        using (deadline.UnsafeRegister(static engine => ((BatchEngine<TItem, TResult>)engine!).Post(new DeadlinePassed()), this))
        {
            await _ended.Task.ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        using var patience = new CancellationTokenSource(s_disposePatience, _time);
        await StopAsync(patience.Token).ConfigureAwait(false);
    }

    /// <summary>A write was cancelled while it was queued.</summary>
    public void OnCancelled(PendingWrite<TItem, TResult> write)
    {
        _metrics.Ended(WriteOutcome.Cancelled);
        _gate.Leave(write);
    }

    private void Post(Message message)
    {
        if (!_mailbox.TryPost(message))
        {
            Refuse(message, null); // the loop has given up on a hanging delegate, and this one had passed the gate before
        }
    }

    private void LookAt(PendingWrite<TItem, TResult> write, WriteBatcherOptions<TItem> look)
    {
        write.Partition = look.PartitionBy?.Invoke(write.Item);
        write.OrderKey = look.OrderBy?.Invoke(write.Item);
        if (_options.CapacityBytes is { } capacity)
        {
            long size = look.SizeOf!(write.Item);
            write.Bytes = size >= 0 && size <= capacity
                ? size
                : throw new ArgumentException($"SizeOf says {size} bytes for this item; it must be between 0 and CapacityBytes ({capacity}).");
        }
    }

    private WriteRejectedException Refuse(PendingWrite<TItem, TResult> write, WriteRejectedException error)
    {
        write.Discard();
        _metrics.Ended(WriteOutcome.Rejected);
        return error;
    }
}
