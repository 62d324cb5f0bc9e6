using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Scaling.Caching.Internal;

/// <summary>The one place that knows Meter and ActivitySource <c>Scaling.Caching</c>. Keys are never tags.</summary>
internal sealed class CachingMetrics : IDisposable
{
    public const string SourceName = "Scaling.Caching";

    /// <summary>Spans of loads; free when nobody listens.</summary>
    public static readonly ActivitySource Source = new(SourceName);

    private readonly TimeProvider _time;
    private readonly Meter _meter;
    private readonly Counter<long> _requests;
    private readonly Histogram<double> _loads;
    private readonly Histogram<double> _remoteCalls;
    private readonly Counter<long> _refused;
    private readonly Counter<long> _unkept;
    private readonly KeyValuePair<string, object?> _name;

    public CachingMetrics(IMeterFactory? factory, string name, TimeProvider time)
    {
        _time = time;
        _name = new("scaling.caching.name", name);
        _meter = factory?.Create(SourceName) ?? new Meter(SourceName);
        _requests = _meter.CreateCounter<long>("scaling.caching.requests", "{request}", "Reads by where the value came from: hit_local, hit_distributed, miss, stale, bypass; and those without a value: shed, cancelled, failed. Every read is one of them.");
        _loads = _meter.CreateHistogram<double>("scaling.caching.load.duration", "s", "Time of loads by outcome: ok, error, timeout.");
        _remoteCalls = _meter.CreateHistogram<double>("scaling.caching.remote.duration", "s", "Time of calls to L2 by operation and outcome: done, rejected, failed, timedout.");
        _refused = _meter.CreateCounter<long>("scaling.caching.stale_writes.refused", "{write}", "Values not kept because their key was invalidated while they were loaded.");
        _unkept = _meter.CreateCounter<long>("scaling.caching.values.unkept", "{value}", "Values returned but not kept by reason: oversize, serialization; and found but not usable: poisoned.");
    }

    /// <summary>Adds what is asked rather than counted.</summary>
    public void Observe(Func<int> guardState, Func<int> owed)
    {
        _meter.CreateObservableGauge("scaling.caching.guard.state", () => new Measurement<int>(guardState(), _name), "{state}", "0 starting, 1 closed, 2 open.");
        _meter.CreateObservableGauge("scaling.caching.invalidations.pending", () => new Measurement<int>(owed(), _name), "{invalidation}", "Invalidations owed to L2.");
    }

    public void Request(CacheStatus status)
    {
        if (_requests.Enabled)
        {
            Count(status switch
            {
                CacheStatus.HitLocal => "hit_local",
                CacheStatus.HitDistributed => "hit_distributed",
                CacheStatus.Stale => "stale",
                CacheStatus.Bypass => "bypass",
                _ => "miss",
            });
        }
    }

    /// <summary>Counts a read that ended without a value.</summary>
    public void Failed(Exception exception, CancellationToken caller) =>
        Count(exception is CacheLoadShedException ? "shed" : exception is OperationCanceledException && caller.IsCancellationRequested ? "cancelled" : "failed");

    private void Count(string status) => _requests.Add(1, _name, new("scaling.caching.status", status));

    public void Load(string outcome, TimeSpan duration)
    {
        if (_loads.Enabled)
        {
            _loads.Record(duration.TotalSeconds, _name, new("outcome", outcome));
        }
    }

    public void RemoteCall(string operation, CallOutcome outcome, long start)
    {
        if (_remoteCalls.Enabled)
        {
            _remoteCalls.Record(_time.GetElapsedTime(start).TotalSeconds, _name, new("operation", operation), new("outcome", outcome switch
            {
                CallOutcome.Done => "done",
                CallOutcome.Rejected => "rejected",
                CallOutcome.TimedOut => "timedout",
                _ => "failed",
            }));
        }
    }

    public void Refused() => _refused.Add(1, _name);

    public void Unkept(string reason) => _unkept.Add(1, _name, new("reason", reason));

    public void Poisoned() => Unkept("poisoned");

    public void Dispose() => _meter.Dispose();
}
