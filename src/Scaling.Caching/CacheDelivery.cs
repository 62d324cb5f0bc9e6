namespace Scaling.Caching;

/// <summary>How far an invalidation or a write got before the call returned.</summary>
public enum CacheDelivery
{
    /// <summary>L2 has it, and the other nodes are being told.</summary>
    Delivered,

    /// <summary>
    /// This node obeys already; L2 is unreachable and will have it, as an invalidation, before this node reads from L2 again.
    /// Until then other nodes may serve the older value.
    /// </summary>
    Deferred,
}
