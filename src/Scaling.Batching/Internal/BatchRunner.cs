using System.Runtime.ExceptionServices;

namespace Scaling.Batching.Internal;

/// <summary>Writes a batch, finds the rows that cannot be written, and gives every write its outcome.</summary>
/// <remarks>
/// A fault of one row fails the whole statement, so the rest is written again: without the row when it was named, else in halves
/// until it is found. With p bad rows among n that takes at most <c>1 + 2p⌈log₂ n⌉</c> calls, and never more than <c>2n − 1</c>.
/// After ⌈log₂ n⌉ named rows the rest is halved each time as well: many bad rows must not resend the same good ones for ever.
/// </remarks>
internal sealed class BatchRunner<TItem, TResult>(
    WriteCall<TItem, TResult> call,
    AdmissionGate gate,
    Action<Message> post,
    Func<TItem, Exception, ValueTask>? onDeadLetter,
    BatchingMetrics metrics,
    BatcherLog log)
{
    /// <summary>Runs to the end whatever happens; the batch is posted back when every write is settled.</summary>
    public async Task RunAsync(Batch<TItem, TResult> batch, PendingWrite<TItem, TResult>[] writes, TItem[] items)
    {
        try
        {
            await WriteAsync(batch, writes, items).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            // Not the delegate's: a metrics listener or a logger threw. Nobody may be left waiting for it.
            int open = batch.Abandon(new WriteOutcomeUnknownException("The batch was interrupted by an error outside the write delegate.", error), out long bytes);
            gate.Release(open, bytes);
            log.Interrupted(error);
        }

        post(batch);
    }

    private async Task WriteAsync(Batch<TItem, TResult> batch, PendingWrite<TItem, TResult>[] writes, TItem[] items)
    {
        int namedToGo = int.Log2(writes.Length) + 1;
        var open = new Stack<PendingWrite<TItem, TResult>[]>();
        open.Push(writes);
        while (open.TryPop(out PendingWrite<TItem, TResult>[]? some))
        {
            if (some != writes)
            {
                items = Array.ConvertAll(some, static write => write.Item);
            }

            CallOutcome<TResult> outcome = await call.RunAsync(items, batch.Token).ConfigureAwait(false);
            if (outcome.End != CallEnd.RowFault)
            {
                await SettleAsync(batch, some, outcome).ConfigureAwait(false);
                continue;
            }

            int bad = some.Length == 1 ? 0 : outcome.Row;
            if (bad >= 0)
            {
                await SettleAsync(batch, [some[bad]], outcome).ConfigureAwait(false);
                some = [.. some[..bad], .. some[(bad + 1)..]];
            }

            if (bad >= 0 && some.Length > 0 && namedToGo-- > 0)
            {
                open.Push(some);
            }
            else if (some.Length > 0)
            {
                int half = some.Length / 2; // pushed right half first: rows keep their order
                open.Push(some[half..]);
                if (half > 0)
                {
                    open.Push(some[..half]);
                }
            }

            metrics.Split();
        }
    }

    private async ValueTask SettleAsync(Batch<TItem, TResult> batch, PendingWrite<TItem, TResult>[] writes, CallOutcome<TResult> outcome)
    {
        if (outcome.End == CallEnd.Written)
        {
            Settle(batch, writes, outcome.Results!, null, WriteOutcome.Written);
            return;
        }

        (Exception error, WriteOutcome kind) = Judge(batch, outcome);
        if (onDeadLetter is not null)
        {
            foreach (PendingWrite<TItem, TResult> write in writes)
            {
                await ReportAsync(write.Item, error).ConfigureAwait(false);
            }
        }

        Settle(batch, writes, null, error, kind);
    }

    private static (Exception Error, WriteOutcome Kind) Judge(Batch<TItem, TResult> batch, CallOutcome<TResult> outcome) => outcome.End switch
    {
        CallEnd.RowFault => (outcome.Error!, WriteOutcome.Poisoned),
        CallEnd.Unknown => (outcome.Error!, WriteOutcome.Unknown),
        _ when batch.IsAborted && outcome.Error is OperationCanceledException => (WriteRejectedException.Stopped(outcome.Error), WriteOutcome.Rejected),
        _ when batch.Token.IsCancellationRequested && outcome.Error is OperationCanceledException => (outcome.Error, WriteOutcome.Cancelled),
        _ => (outcome.Error!, WriteOutcome.Failed),
    };

    private void Settle(
        Batch<TItem, TResult> batch, PendingWrite<TItem, TResult>[] writes, TResult[]? results, Exception? error, WriteOutcome kind)
    {
        // Before any caller hears its outcome: its room is free, and the window knows that it may come back.
        gate.Release(writes.Length, gate.CountsBytes ? writes.Sum(static write => write.Bytes) : 0);
        if (batch.Partition.Window.HasDelay)
        {
            post(new Answers<TItem, TResult>(batch.Partition, writes.Length));
        }

        // A write may be in its next life as soon as it is settled: it is not touched again.
        int gone = 0, settled = 0;
        var relay = new Relay<TItem, TResult>(batch.Partition, writes, post);
        ExceptionDispatchInfo? thrown = error is null ? null : ExceptionDispatchInfo.Capture(error);
        for (int i = 0; i < writes.Length; i++)
        {
            bool wasGone;
            if (thrown is null ? writes[i].TrySucceed(results![i], relay, out wasGone) : writes[i].TryFail(thrown, relay, out wasGone))
            {
                settled++;
                gone += wasGone ? 1 : 0;
            }
        }

        bool areLast = batch.Open == writes.Length;
        batch.RelayTells = relay.Start(tells: areLast && !batch.Partition.Window.HasDelay); // before a metrics listener can throw
        batch.Settled(writes.Length, gone);
        metrics.Ended(kind, settled);
    }

    private async ValueTask ReportAsync(TItem item, Exception error)
    {
        try
        {
            await onDeadLetter!(item, error).ConfigureAwait(false);
        }
        catch (Exception callbackError)
        {
            log.DeadLetterThrew(callbackError);
        }
    }
}
