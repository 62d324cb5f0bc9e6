namespace Scaling.Caching.Internal;

/// <summary>A write that names the state it replaces.</summary>
internal readonly record struct RemoteWrite(string Key, long ExpectedStamp, ReadOnlyMemory<byte> Envelope, TimeSpan TimeToLive);

/// <summary>
/// Many keys as one call: the guard counts it once and the timeout is paid once. The commands are sent without waiting for each other's answers, so it takes
/// one round trip to every node that holds a key, and another one for the leases of those that are not there.
/// </summary>
internal sealed partial class RemoteTier
{
    public async ValueTask<CallResult<RemoteRead[]>> ReadManyAsync(string[] keys, string[] tags, bool lease)
    {
        await StartedAsync().ConfigureAwait(false);
        long start = _time.GetTimestamp();
        CallResult<RemoteRead[]> read = await _guard.RunAsync(
            (Tier: this, keys, tags, lease),
            static call => Task.WhenAll(Array.ConvertAll(call.keys, key => call.Tier.ReadCoreAsync(key, call.tags, call.lease)))).ConfigureAwait(false);
        _metrics.RemoteCall("read_many", read.Outcome, start);
        return read;
    }

    /// <summary>For each write what <see cref="WriteAsync"/> says of it.</summary>
    public async ValueTask<bool[]> WriteManyAsync(RemoteWrite[] writes)
    {
        long start = _time.GetTimestamp();
        CallResult<bool[]> written = await _guard.RunAsync(
            (_store, writes),
            static call => Task.WhenAll(Array.ConvertAll(
                call.writes, write => call._store.WriteAsync(write.Key, write.ExpectedStamp, write.Envelope, write.TimeToLive)))).ConfigureAwait(false);
        _metrics.RemoteCall("write_many", written.Outcome, start);
        return written.Outcome == CallOutcome.Done ? written.Value : Array.ConvertAll(writes, static _ => true);
    }
}
