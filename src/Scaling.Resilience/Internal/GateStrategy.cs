using Polly;

namespace Scaling.Resilience.Internal;

/// <summary>What a finished call says about the dependency.</summary>
internal enum CallVerdict
{
    /// <summary>It was served.</summary>
    Success,

    /// <summary>It failed in the way that the strategy looks for.</summary>
    Failure,

    /// <summary>It never reached the dependency, or nobody waited for its end.</summary>
    Nothing,
}

/// <summary>
/// The shape that limiter, circuit and throttle share: ask to enter, make the call, report how it ended. A rejection is an outcome, nothing is
/// thrown; a call that ends at once needs no state machine and no allocation.
/// </summary>
/// <typeparam name="TTicket">What <see cref="Leave"/> must know about the entry.</typeparam>
/// <param name="isFailure">The user's word on which outcomes are failures; null: <see cref="IsFailure"/> decides.</param>
internal abstract class GateStrategy<TTicket>(Predicate<Outcome<object>>? isFailure) : ResilienceStrategy
{
    /// <returns>True: the call is made, then <see cref="Leave"/> is called once. False: <see cref="EnterLaterAsync"/> decides.</returns>
    protected abstract bool TryEnter(out TTicket ticket);

    /// <summary>A chance to wait for entry; by default there is none.</summary>
    protected virtual ValueTask<(bool Entered, TTicket Ticket)> EnterLaterAsync(ResilienceContext context) => default;

    protected abstract ExecutionRejectedException Reject(ResilienceContext context);

    protected abstract void Leave(TTicket ticket, CallVerdict verdict, ResilienceContext context);

    protected virtual bool SaysNothing(Exception exception) => exception.IsCancellation();

    protected virtual bool IsFailure(Exception exception) => true;

    protected sealed override ValueTask<Outcome<TResult>> ExecuteCore<TResult, TState>(
        Func<ResilienceContext, TState, ValueTask<Outcome<TResult>>> callback, ResilienceContext context, TState state)
    {
        if (TryEnter(out TTicket ticket))
        {
            return Call(callback, context, state, ticket);
        }

        ValueTask<(bool Entered, TTicket Ticket)> later = EnterLaterAsync(context);
        return later.IsCompletedSuccessfully
            ? CallIfEntered(later.Result, callback, context, state)
            : WaitAsync(later, callback, context, state);
    }

    private async ValueTask<Outcome<TResult>> WaitAsync<TResult, TState>(
        ValueTask<(bool Entered, TTicket Ticket)> later, Func<ResilienceContext, TState, ValueTask<Outcome<TResult>>> callback, ResilienceContext context, TState state)
    {
        (bool Entered, TTicket Ticket) entry;
        try
        {
            entry = await later.ConfigureAwait(context.ContinueOnCapturedContext);
        }
        catch (OperationCanceledException cancelled)
        {
            return Outcome.FromException<TResult>(cancelled);
        }

        return await CallIfEntered(entry, callback, context, state).ConfigureAwait(context.ContinueOnCapturedContext);
    }

    private ValueTask<Outcome<TResult>> CallIfEntered<TResult, TState>(
        (bool Entered, TTicket Ticket) entry, Func<ResilienceContext, TState, ValueTask<Outcome<TResult>>> callback, ResilienceContext context, TState state) =>
        entry.Entered ? Call(callback, context, state, entry.Ticket) : new(Outcome.FromException<TResult>(Reject(context)));

#pragma warning disable CA1031 // an outcome carries any exception; the ticket must come back whatever it is
    private ValueTask<Outcome<TResult>> Call<TResult, TState>(
        Func<ResilienceContext, TState, ValueTask<Outcome<TResult>>> callback, ResilienceContext context, TState state, TTicket ticket)
    {
        ValueTask<Outcome<TResult>> call;
        try
        {
            call = callback(context, state);
        }
        catch (Exception exception)
        {
            call = new(Outcome.FromException<TResult>(exception));
        }

        return call.IsCompletedSuccessfully ? new(Left(call.Result, ticket, context)) : LeaveAsync(call, ticket, context);
    }

    private async ValueTask<Outcome<TResult>> LeaveAsync<TResult>(ValueTask<Outcome<TResult>> call, TTicket ticket, ResilienceContext context)
    {
        Outcome<TResult> outcome;
        try
        {
            outcome = await call.ConfigureAwait(context.ContinueOnCapturedContext);
        }
        catch (Exception exception)
        {
            outcome = Outcome.FromException<TResult>(exception);
        }

        return Left(outcome, ticket, context);
    }
#pragma warning restore CA1031 // see above

    private Outcome<TResult> Left<TResult>(Outcome<TResult> outcome, TTicket ticket, ResilienceContext context)
    {
        Leave(ticket, Judge(outcome), context);
        return outcome;
    }

    private CallVerdict Judge<TResult>(Outcome<TResult> outcome)
    {
        Exception? exception = outcome.Exception;
        if (exception is not null && SaysNothing(exception))
        {
            return CallVerdict.Nothing;
        }

        bool failed = isFailure is not null ? isFailure(outcome.AsObject()) : exception is not null && IsFailure(exception);
        return failed ? CallVerdict.Failure : CallVerdict.Success;
    }
}
