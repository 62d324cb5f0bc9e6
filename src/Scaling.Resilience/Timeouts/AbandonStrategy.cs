using Polly;
using Scaling.Resilience.Internal;

namespace Scaling.Resilience;

/// <summary>Stops waiting for a call when its token is cancelled, though the call goes on.</summary>
internal sealed class AbandonStrategy : ResilienceStrategy
{
    protected override ValueTask<Outcome<TResult>> ExecuteCore<TResult, TState>(
        Func<ResilienceContext, TState, ValueTask<Outcome<TResult>>> callback, ResilienceContext context, TState state)
    {
        ValueTask<Outcome<TResult>> call = callback(context, state);
        return call.IsCompleted || !context.CancellationToken.CanBeCanceled
            ? call
            : WaitAsync(call.AsTask(), context.ContinueOnCapturedContext, context.CancellationToken);
    }

    private static async ValueTask<Outcome<TResult>> WaitAsync<TResult>(Task<Outcome<TResult>> call, bool continueOnCapturedContext, CancellationToken cancellationToken)
    {
        try
        {
            return await call.WaitAsync(cancellationToken).ConfigureAwait(continueOnCapturedContext);
        }
        catch (OperationCanceledException cancelled) when (!call.IsCompleted)
        {
            _ = CleanUpAsync(call); // it never faults
            return Outcome.FromException<TResult>(cancelled);
        }
    }

    private static async Task CleanUpAsync<TResult>(Task<Outcome<TResult>> call)
    {
        ResilienceMetrics.Abandoned(+1);
#pragma warning disable CA1031 // nobody is left to hear of a failure
        try
        {
            Outcome<TResult> outcome = await call.ConfigureAwait(false);
            if (outcome.Result is IAsyncDisposable asyncDisposable)
            {
                await asyncDisposable.DisposeAsync().ConfigureAwait(false);
            }
            else
            {
                (outcome.Result as IDisposable)?.Dispose();
            }
        }
        catch (Exception)
        {
        }
#pragma warning restore CA1031 // see above
        finally
        {
            ResilienceMetrics.Abandoned(-1);
        }
    }
}
