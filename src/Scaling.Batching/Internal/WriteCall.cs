namespace Scaling.Batching.Internal;

internal enum CallEnd
{
    /// <summary>Everything was written.</summary>
    Written,

    /// <summary>Nothing was written, because of one row: the named one, or one to be found.</summary>
    RowFault,

    /// <summary>Nothing was written, for a reason that concerns every row.</summary>
    Failed,

    /// <summary>Nobody can tell.</summary>
    Unknown,
}

/// <summary>How a call of the write delegate ended. <c>Row</c> is the row at fault, or -1.</summary>
internal readonly record struct CallOutcome<TResult>(CallEnd End, TResult[]? Results, Exception? Error, int Row = -1);

/// <summary>Calls the write delegate and reduces whatever it does, including hanging and lying, to one outcome.</summary>
internal sealed class WriteCall<TItem, TResult>(
    Func<IReadOnlyList<TItem>, CancellationToken, Task<IReadOnlyList<TResult>>> write,
    WriteBatcherOptions options,
    BatchingMetrics metrics,
    TimeProvider time)
{
    /// <summary>How long a delegate has to obey its token before it is abandoned.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(2);

    private readonly Func<Exception, bool> _isRowFault = options.IsRowFault;

    /// <summary>Calls the delegate, through the caller's pipeline if there is one. Never throws.</summary>
    public async Task<CallOutcome<TResult>> RunAsync(TItem[] items, CancellationToken cancellationToken)
    {
        // Row faults and outcomes that must not be repeated come back as values. So the pipeline sees an exception only where
        // another attempt is safe and may help.
        var attempts = new Attempts(this, items);
        try
        {
            return options.Pipeline is { } pipeline
                ? await pipeline.ExecuteAsync(static (attempts, token) => attempts.RunAsync(token), attempts, cancellationToken).ConfigureAwait(false)
                : await attempts.RunAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            return attempts.Doubt is { } doubt ? new(CallEnd.Unknown, null, doubt) : new(CallEnd.Failed, null, error);
        }
    }

    private async Task<CallOutcome<TResult>> CallAsync(TItem[] items, CancellationToken cancellationToken)
    {
        long started = time.GetTimestamp();
        try
        {
            IReadOnlyList<TResult> results = await CallWithinTimeoutAsync(items, cancellationToken).ConfigureAwait(false);
            return Check(results, items.Length);
        }
        catch (WriteOutcomeUnknownException error) when (!error.IsSafeToRepeat)
        {
            return new(CallEnd.Unknown, null, error);
        }
        catch (RowFaultException error) when (error.Index < items.Length)
        {
            return new(CallEnd.RowFault, null, error.InnerException, error.Index);
        }
        catch (Exception error) when (_isRowFault(error))
        {
            return new(CallEnd.RowFault, null, error);
        }
        finally
        {
            metrics.Called(time.GetElapsedTime(started));
        }
    }

    private async Task<IReadOnlyList<TResult>> CallWithinTimeoutAsync(TItem[] items, CancellationToken cancellationToken)
    {
        using var hurry = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task<IReadOnlyList<TResult>> call = write(items, hurry.Token)
            ?? throw new WriteOutcomeUnknownException("The write delegate returned null instead of a task.");
        if (call.IsCompleted || await EndsWithinAsync(call, options.WriteTimeout).ConfigureAwait(false))
        {
            return await call.ConfigureAwait(false);
        }

        await hurry.CancelAsync().ConfigureAwait(false);
        if (!await EndsWithinAsync(call, Grace).ConfigureAwait(false))
        {
            throw new WriteOutcomeUnknownException(
                $"The write delegate did not return within {options.WriteTimeout} and ignored its cancellation token. It was abandoned and may still write.");
        }

        try
        {
            return await call.ConfigureAwait(false);
        }
        catch (OperationCanceledException error)
        {
            throw new TimeoutException($"The write delegate did not return within {options.WriteTimeout} and was cancelled. Nothing was written.", error);
        }
    }

    private async Task<bool> EndsWithinAsync(Task call, TimeSpan limit)
    {
        await call.WaitAsync(limit, time, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return call.IsCompleted;
    }

    /// <summary>The delegate has returned, so whatever is wrong with its list, the items may have been written.</summary>
    private static CallOutcome<TResult> Check(IReadOnlyList<TResult>? results, int items)
    {
        try
        {
            // A list of a strange kind is read here, once: it might throw while callers are being answered from it.
            TResult[]? own = results is null || results.Count != items ? null : results as TResult[] ?? [.. results];
            return own?.Length == items
                ? new(CallEnd.Written, own, null)
                : new(CallEnd.Unknown, null, WrongResults(items, own?.Length ?? results?.Count));
        }
        catch (Exception error)
        {
            return new(CallEnd.Unknown, null, new WriteOutcomeUnknownException("The write delegate returned a list of results that cannot be read. The items may have been written.", error));
        }
    }

    private static WriteOutcomeUnknownException WrongResults(int items, int? results) => new(
        $"The write delegate was given {items} items and returned {(results is null ? "null" : $"{results} results")}; it must return one result per item, in order. The items may have been written.");

    private sealed class Attempts(WriteCall<TItem, TResult> call, TItem[] items)
    {
        private int _attempts;

        /// <summary>Set once an attempt may have written. Only a later success takes it away: a later failure says nothing about the earlier attempt.</summary>
        public WriteOutcomeUnknownException? Doubt { get; private set; }

        public async ValueTask<CallOutcome<TResult>> RunAsync(CancellationToken cancellationToken)
        {
            if (_attempts++ > 0)
            {
                call.Metrics.Retried();
            }

            try
            {
                return await call.CallAsync(items, cancellationToken).ConfigureAwait(false);
            }
            catch (WriteOutcomeUnknownException error)
            {
                Doubt = error;
                throw error.InnerException ?? error; // the pipeline decides by the store's own error
            }
        }
    }

    private BatchingMetrics Metrics => metrics;
}
