using Polly;

namespace Scaling.Resilience;

/// <summary>The call was not started, because the deadline had passed or left less than it needs.</summary>
public sealed class DeadlineExceededException : ExecutionRejectedException
{
    internal DeadlineExceededException(TimeSpan remaining, TimeSpan minimum)
        : base($"The call was not started: {remaining} remain until its deadline, and it needs more than {minimum}.")
    {
    }
}
