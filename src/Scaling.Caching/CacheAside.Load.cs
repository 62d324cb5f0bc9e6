using Scaling.Caching.Internal;

namespace Scaling.Caching;

public sealed partial class CacheAside
{
    /// <summary>Why a value must be loaded.</summary>
    /// <param name="Fallback">What may be served if loading does not work out, should <see cref="StandIn"/> find it fit by then; or null.</param>
    /// <param name="Read">What L2 said before the load began, with the stamps that make the later write safe.</param>
    /// <param name="Status">What the loaded value is reported as.</param>
    private readonly record struct Absence<T>(LocalEntry<T>? Fallback, RemoteRead Read, CacheStatus Status);

    private async Task LoadAsync<T>(Flight<T> flight, LoadRequest<T> request, Absence<T> absence)
    {
        if (!await _gate.EnterAsync(StandIn(absence) is null ? _options.LoadQueueTimeout : TimeSpan.Zero, flight.Token).ConfigureAwait(false))
        {
            LandFallback(flight, absence, new CacheLoadShedException(_options.MaxConcurrentLoads));
            return;
        }

        var context = new CacheLoadContext(request.Key, request.Lifetimes.Fresh);
        using var run = new LoadRun(_gate, _metrics, _time);
        Task<T> load = run.Start((request, context, flight.Token), static call => call.request.LoadAsync(call.context, call.Token).AsTask());
        RemoteWrite? write = await FinishAsync(flight, request, absence, load, context, run).ConfigureAwait(false);
        if (write is { } due)
        {
            _ = WriteBehindAsync(request.Key, due);
        }
    }

    /// <summary>Waits for a load as long as it may take and lands the flight with what came of it. Returns what L2 is to be told, if anything.</summary>
    private async Task<RemoteWrite?> FinishAsync<T>(Flight<T> flight, Request<T> request, Absence<T> absence, Task<T> load, CacheLoadContext context, LoadRun run)
    {
        T value;
        try
        {
            value = await AwaitLoadAsync(flight, load, absence).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            bool timedOut = exception is TimeoutException && !load.IsCompleted;
            run.Failed(timedOut, exception);
            if (timedOut)
            {
                flight.Cancel();
                exception = new TimeoutException($"Loading '{request.Key}' took longer than CacheAsideOptions.LoadTimeout ({_options.LoadTimeout}).");
            }

            LandFallback(flight, absence, exception);
            return null;
        }

        Draft<T> draft = Prepare(request, absence.Read, value, context.Expiration, run.Elapsed, flight.KeyGeneration + flight.TagGeneration);
        if (draft.KeepLocally)
        {
            _local.Set(request.Key, draft.Entry, draft.PayloadLength);
        }

        flight.Land(new Landing<T>(draft.Entry, absence.Status, value));
        return draft.Write;
    }

    private async ValueTask<T> AwaitLoadAsync<T>(Flight<T> flight, Task<T> load, Absence<T> absence)
    {
        if (StandIn(absence) is not null && _options.SoftLoadTimeout is { } soft && soft < _options.LoadTimeout)
        {
            try
            {
                return await load.WaitAsync(soft, _time, flight.Token).ConfigureAwait(false);
            }
            catch (TimeoutException) when (!load.IsCompleted && StaleLanding(absence) is { } stale && flight.TryJoin())
            {
                flight.LandMeanwhile(stale);        // joined on behalf of nobody: the callers leave with the stale value, the load goes on
            }
            catch (TimeoutException) when (!load.IsCompleted)
            {
                // too old to be served by now
            }
        }

        return await load.WaitAsync(_options.LoadTimeout, _time, flight.Token).ConfigureAwait(false);
    }

    private void LandFallback<T>(Flight<T> flight, in Absence<T> absence, Exception otherwise)
    {
        if (StaleLanding(absence) is { } stale)
        {
            flight.Land(stale);
        }
        else
        {
            flight.Fail(otherwise);
        }
    }

    private Landing<T>? StaleLanding<T>(in Absence<T> absence)
    {
        if (StandIn(absence) is not { } entry || !entry.TryGetValue(out T value))
        {
            return null;
        }

        bool isFresh = _time.GetTimestamp() < entry.Schedule.FreshUntil && IsBelieved(entry);
        return new Landing<T>(entry, isFresh ? CacheStatus.HitLocal : CacheStatus.Stale, value);
    }

    private async Task WriteBehindAsync(string key, RemoteWrite write)
    {
        if (!await _remote!.WriteAsync(write.Key, write.ExpectedStamp, write.Envelope, write.TimeToLive).ConfigureAwait(false))
        {
            Refuse(key);
        }
    }

    // invalidated since the load began, or another node was faster: L2 knows better. The generations would see to it too, once the bus tells
    private void Refuse(string key)
    {
        _metrics.Refused();
        _local.Remove(key);
    }
}
