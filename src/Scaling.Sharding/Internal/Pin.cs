namespace Scaling.Sharding.Internal;

/// <summary>A key with a slot of its own, so that it can be routed, moved and fenced like any other slot.</summary>
internal readonly record struct Pin(int Slot, ulong Hash, int Owner);
