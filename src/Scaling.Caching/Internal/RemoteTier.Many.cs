namespace Scaling.Caching.Internal;

/// <summary>A write that names the state it replaces.</summary>
internal readonly record struct RemoteWrite(string Key, long ExpectedStamp, ReadOnlyMemory<byte> Envelope, TimeSpan TimeToLive);

/// <summary>
/// Many keys as one call to every node that holds some of them: its guard counts it once and the timeout is paid once. The commands are sent without waiting
/// for each other's answers, so it takes one round trip to each of the nodes, and another one for the leases of those that are not there.
/// </summary>
internal sealed partial class RemoteTier
{
    /// <summary>For each key what <see cref="ReadAsync"/> says of it.</summary>
    public async ValueTask<CallResult<RemoteRead>[]> ReadManyAsync(string[] keys, string[] tags, bool lease)
    {
        await StartedAsync().ConfigureAwait(false);
        long start = _time.GetTimestamp();
        var reads = new CallResult<RemoteRead>[keys.Length];
        Array.Fill(reads, CallResult<RemoteRead>.Rejected);
        await Task.WhenAll(ByNode(Enumerable.Range(0, keys.Length).Where(i => !IsOwed(keys[i])), i => keys[i])
            .Select(group => ReadGroupAsync(group.Key, [.. group]))).ConfigureAwait(false);
        _metrics.RemoteCall("read_many", reads.Length == 0 ? CallOutcome.Done : reads.Max(static read => read.Outcome), start);
        return reads;

        async Task ReadGroupAsync(Guard guard, int[] group)
        {
            ValueTask<CallResult<StoredBytes[]>> fetching = guard.RunAsync(
                (_store, Keys: Array.ConvertAll(group, i => keys[i]), lease),
                static call => Task.WhenAll(Array.ConvertAll(
                    call.Keys, key => call._store.FetchAsync(key, call.lease ? Envelope.Lease(Envelope.NewStamp()) : null))));
            var stamps = new CallResult<Stamps>[group.Length];
            for (int i = 0; i < group.Length; i++)
            {
                stamps[i] = await StampsAsync(keys[group[i]], tags, start).ConfigureAwait(false);
            }

            CallResult<StoredBytes[]> fetched = await fetching.ConfigureAwait(false);
            for (int i = 0; i < group.Length; i++)
            {
                reads[group[i]] = await JudgeAsync(One(fetched, i), stamps[i], start).ConfigureAwait(false);
            }

            int[] bare = [.. Enumerable.Range(0, group.Length).Where(i => lease && reads[group[i]] is { Outcome: CallOutcome.Done, Value.Stamp: 0 })];
            if (bare.Length == 0)
            {
                return;
            }

            CallResult<StoredBytes[]> leased = await guard.RunAsync(
                (_store, Wanted: Array.ConvertAll(bare, i => (Key: keys[group[i]], Replace: !fetched.Value[i].IsNone))),
                static call => Task.WhenAll(Array.ConvertAll(
                    call.Wanted, one => call._store.LeaseAsync(one.Key, Envelope.Lease(Envelope.NewStamp()), one.Replace))),
                Left(start)).ConfigureAwait(false);
            for (int i = 0; i < bare.Length; i++)
            {
                bool saidNothing = reads[group[bare[i]]].Value.SaysNothing;
                reads[group[bare[i]]] = await JudgeAsync(One(leased, i), stamps[bare[i]], start, saidNothing).ConfigureAwait(false);
            }
        }
    }

    /// <summary>For each write what <see cref="WriteAsync"/> says of it.</summary>
    public async ValueTask<bool[]> WriteManyAsync(RemoteWrite[] writes)
    {
        long start = _time.GetTimestamp();
        var kept = new bool[writes.Length];
        CallOutcome[] outcomes = await Task.WhenAll(ByNode(Enumerable.Range(0, writes.Length), i => writes[i].Key).Select(async group =>
        {
            int[] places = [.. group];
            CallResult<bool[]> written = await group.Key.RunAsync(
                (_store, Writes: Array.ConvertAll(places, i => writes[i])),
                static call => Task.WhenAll(Array.ConvertAll(
                    call.Writes, write => call._store.WriteAsync(write.Key, write.ExpectedStamp, write.Envelope, write.TimeToLive)))).ConfigureAwait(false);
            for (int i = 0; i < places.Length; i++)
            {
                kept[places[i]] = written.Outcome != CallOutcome.Done || written.Value[i];
            }

            return written.Outcome;
        })).ConfigureAwait(false);
        _metrics.RemoteCall("write_many", outcomes.Length == 0 ? CallOutcome.Done : outcomes.Max(), start);
        return kept;
    }

    private IEnumerable<IGrouping<Guard, int>> ByNode(IEnumerable<int> places, Func<int, string> key) => places.GroupBy(i => GuardOf(Debt.Key(key(i))));

    private static CallResult<T> One<T>(in CallResult<T[]> many, int i) => new(many.Outcome, many.Outcome == CallOutcome.Done ? many.Value[i] : default!);
}
