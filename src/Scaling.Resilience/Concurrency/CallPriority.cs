using Polly;

namespace Scaling.Resilience;

/// <summary>How much a call matters when not all can be served: lower ones are shed first.</summary>
public enum CallPriority
{
    /// <summary>May be dropped without anybody noticing: prefetch, refresh, batch.</summary>
    Low,

    /// <summary>The default.</summary>
    Normal,

    /// <summary>A user waits for it, or money does.</summary>
    High,
}

/// <summary>Keys under which a call carries what strategies need to know in <see cref="ResilienceContext.Properties"/>.</summary>
public static class CallProperties
{
    /// <summary>The priority of the call; <see cref="CallPriority.Normal"/> if absent.</summary>
    public static readonly ResiliencePropertyKey<CallPriority> Priority = new("scaling.priority");
}
