using Polly;

namespace Scaling.Resilience;

/// <summary>Just inside the hedging: tells the delay how long each attempt took.</summary>
internal sealed class LatencyStrategy(HedgingDelay delay) : ResilienceStrategy
{
    protected override async ValueTask<Outcome<TResult>> ExecuteCore<TResult, TState>(
        Func<ResilienceContext, TState, ValueTask<Outcome<TResult>>> callback, ResilienceContext context, TState state)
    {
        TimeSpan started = delay.Now;
        Outcome<TResult> outcome = await callback(context, state).ConfigureAwait(context.ContinueOnCapturedContext);
        TimeSpan elapsed = delay.Now - started;
        switch (outcome.Exception)
        {
            case null:
                delay.Record(elapsed);
                break;
            case OperationCanceledException:
                delay.RecordCancelled(elapsed);
                break;
        }

        return outcome;
    }
}
