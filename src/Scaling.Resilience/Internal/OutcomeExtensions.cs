using Polly;

namespace Scaling.Resilience.Internal;

internal static class OutcomeExtensions
{
    /// <summary>The outcome as predicates take it; boxes only a result of a value type.</summary>
    public static Outcome<object> AsObject<TResult>(this Outcome<TResult> outcome) =>
        outcome.Exception is { } exception ? Outcome.FromException<object>(exception) : Outcome.FromResult<object>(outcome.Result!);

    /// <summary>The caller, or an outer strategy, gave up; a client's own timeout dressed as a cancellation is not that.</summary>
    public static bool IsCancellation(this Exception? exception) =>
        exception is OperationCanceledException { InnerException: not TimeoutException };
}
