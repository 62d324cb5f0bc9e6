using Polly;

namespace Scaling.Resilience;

/// <summary>The call was held back, because the server has lately refused too many of this client's calls.</summary>
public sealed class ThrottledException : ExecutionRejectedException
{
    internal ThrottledException()
        : base("The call was held back: the server has lately refused too many of this client's calls.")
    {
    }
}
