using System.Diagnostics.Metrics;

namespace Scaling.Batching.Internal;

/// <summary>How a write ended; a value of the tag <c>scaling.batching.outcome</c>. Every write ends in exactly one.</summary>
internal enum WriteOutcome
{
    Written,
    Poisoned,
    Failed,
    Unknown,
    Cancelled,
    Rejected,
}

/// <summary>The meter <c>Scaling.Batching</c> of one batcher. Costs nothing while nobody listens.</summary>
internal sealed class BatchingMetrics : IDisposable
{
    private static readonly string[] s_outcomes = [.. Enum.GetNames<WriteOutcome>().Select(static name => name.ToLowerInvariant())];
    private static readonly string[] s_reasons = [.. Enum.GetNames<SendReason>().Select(static name => name.ToLowerInvariant())];

    private readonly Meter? _own;
    private readonly KeyValuePair<string, object?> _name;
    private readonly Counter<long> _writes, _calls;
    private readonly Histogram<int> _size;
    private readonly Histogram<double> _age, _duration;
    private Func<int>? _pending;

    public BatchingMetrics(IMeterFactory? factory, string name, Func<int> pending)
    {
        _name = new("scaling.batching.name", name);
        _pending = pending;
        Meter meter = factory?.Create("Scaling.Batching") ?? (_own = new Meter("Scaling.Batching"));
        _writes = meter.CreateCounter<long>("scaling.batching.writes", "{write}", "Writes that have ended, by outcome.");
        _calls = meter.CreateCounter<long>("scaling.batching.calls", "{call}", "Further calls of the write delegate, after the first of a batch: retries and splits.");
        _size = meter.CreateHistogram<int>("scaling.batching.batch.size", "{write}", "Writes per batch, by the reason it was sent.");
        _age = meter.CreateHistogram<double>("scaling.batching.batch.age", "s", "Age of a batch's oldest write when it was sent.");
        _duration = meter.CreateHistogram<double>("scaling.batching.call.duration", "s", "Duration of one call of the write delegate.");
        meter.CreateObservableUpDownCounter("scaling.batching.pending", Observe, "{write}", "Writes queued or being written.");
    }

    public void Ended(WriteOutcome outcome, int writes = 1)
    {
        if (_writes.Enabled && writes > 0)
        {
            _writes.Add(writes, _name, new("scaling.batching.outcome", s_outcomes[(int)outcome]));
        }
    }

    public void Sent(SendReason reason, int size, TimeSpan age)
    {
        if (_size.Enabled)
        {
            _size.Record(size, _name, new("scaling.batching.reason", s_reasons[(int)reason]));
        }

        _age.Record(age.TotalSeconds, _name);
    }

    public void Called(TimeSpan duration) => _duration.Record(duration.TotalSeconds, _name);

    public void Retried() => _calls.Add(1, _name, new("scaling.batching.cause", "retry"));

    public void Split() => _calls.Add(1, _name, new("scaling.batching.cause", "split"));

    public void Dispose()
    {
        _pending = null; // a factory's meter lives on and keeps the callback
        _own?.Dispose();
    }

    private IEnumerable<Measurement<int>> Observe() =>
        _pending is { } pending ? [new Measurement<int>(pending(), _name)] : [];
}
