using Polly;
using Polly.Hedging;
using Polly.Retry;

namespace Scaling.Resilience;

/// <summary>Puts Polly's retry and hedging under a <see cref="RetryBudget"/>.</summary>
public static class RetryBudgetExtensions
{
    /// <summary>Lets the budget decide whether a failed attempt is tried again. Call it last: it wraps <c>ShouldHandle</c> as it is now.</summary>
    /// <param name="options">The options to change.</param>
    /// <param name="budget">The budget of the dependency.</param>
    /// <returns>The same options.</returns>
    public static RetryStrategyOptions WithBudget(this RetryStrategyOptions options, RetryBudget budget)
    {
        _ = WithBudget<object>(options, budget);
        return options;
    }

    /// <summary>Lets the budget decide whether a failed attempt is tried again. Call it last: it wraps <c>ShouldHandle</c> as it is now.</summary>
    /// <typeparam name="TResult">The result of the calls.</typeparam>
    /// <param name="options">The options to change.</param>
    /// <param name="budget">The budget of the dependency.</param>
    /// <returns>The same options.</returns>
    public static RetryStrategyOptions<TResult> WithBudget<TResult>(this RetryStrategyOptions<TResult> options, RetryBudget budget)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(budget);

        Func<RetryPredicateArguments<TResult>, ValueTask<bool>> shouldHandle = options.ShouldHandle;
        options.ShouldHandle = args =>
        {
            ValueTask<bool> failed = shouldHandle(args);
            return failed.IsCompletedSuccessfully
                ? new(Decide(options, budget, args.Context, args.Outcome.Exception, args.AttemptNumber, failed.Result))
                : Awaited(options, budget, args, failed);
        };
        return options;

        static async ValueTask<bool> Awaited(RetryStrategyOptions<TResult> options, RetryBudget budget, RetryPredicateArguments<TResult> args, ValueTask<bool> failed) =>
            Decide(options, budget, args.Context, args.Outcome.Exception, args.AttemptNumber, await failed.ConfigureAwait(false));

        // Polly asks after the last attempt too, when nothing will follow: that question must cost nothing.
        static bool Decide(RetryStrategyOptions<TResult> options, RetryBudget budget, ResilienceContext context, Exception? exception, int attempt, bool failed)
        {
            if (failed)
            {
                return attempt >= options.MaxRetryAttempts || context.CancellationToken.IsCancellationRequested || budget.TryWithdraw();
            }

            DepositUnlessRejected(budget, exception);
            return false;
        }
    }

    /// <summary>
    /// Lets the budget decide whether a second attempt is sent, because the first failed or is slow.
    /// Call it last: it wraps <c>ShouldHandle</c> and <c>ActionGenerator</c> as they are now.
    /// </summary>
    /// <typeparam name="TResult">The result of the calls.</typeparam>
    /// <param name="options">The options to change.</param>
    /// <param name="budget">The budget of the dependency.</param>
    /// <returns>The same options.</returns>
    public static HedgingStrategyOptions<TResult> WithBudget<TResult>(this HedgingStrategyOptions<TResult> options, RetryBudget budget)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(budget);

        Func<HedgingPredicateArguments<TResult>, ValueTask<bool>> shouldHandle = options.ShouldHandle;
        options.ShouldHandle = args =>
        {
            ValueTask<bool> failed = shouldHandle(args);
            return failed.IsCompletedSuccessfully ? new(Earn(budget, args.Outcome.Exception, failed.Result)) : Awaited(budget, args, failed);
        };

        // A null action means: no (further) hedge; Polly then waits for the attempts that are under way.
        var generate = options.ActionGenerator;
        options.ActionGenerator = args => budget.TryWithdraw() ? generate(args) : null;
        return options;

        static async ValueTask<bool> Awaited(RetryBudget budget, HedgingPredicateArguments<TResult> args, ValueTask<bool> failed) =>
            Earn(budget, args.Outcome.Exception, await failed.ConfigureAwait(false));

        static bool Earn(RetryBudget budget, Exception? exception, bool failed)
        {
            if (!failed)
            {
                DepositUnlessRejected(budget, exception);
            }

            return failed;
        }
    }

    // What never reached the dependency, or was given up by the caller, says nothing about it.
    private static void DepositUnlessRejected(RetryBudget budget, Exception? exception)
    {
        if (exception is not (OperationCanceledException or ExecutionRejectedException))
        {
            budget.Deposit();
        }
    }
}
