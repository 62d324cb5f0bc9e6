namespace Scaling.Batching.Redis.Internal;

/// <summary>An entry of the stream, as it was delivered. Id and payload are null if somebody else than the queue made it.</summary>
/// <param name="Entry">The entry's id in the stream.</param>
/// <param name="Id">The identity of the write.</param>
/// <param name="Payload">The item as JSON.</param>
internal sealed record Delivery(string Entry, string? Id, ReadOnlyMemory<byte> Payload)
{
    /// <summary>When Redis took the entry in, by its own clock: the first half of the entry's id.</summary>
    public DateTimeOffset EnqueuedAt =>
        DateTimeOffset.FromUnixTimeMilliseconds(long.Parse(Entry.AsSpan(0, Entry.IndexOf('-', StringComparison.Ordinal)), null));
}
