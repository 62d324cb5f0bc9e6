using System.Diagnostics.Metrics;

namespace Scaling.Batching.Redis.Internal;

/// <summary>What happened to an entry; a value of the tag <c>scaling.batching.queue.event</c>.</summary>
internal enum EntryEvent
{
    Enqueued,
    Rejected,
    Written,
    Retried,
    Claimed,
    Buried,
}

/// <summary>The meter <c>Scaling.Batching.Redis</c> of one queue. Costs nothing while nobody listens.</summary>
internal sealed class QueueMetrics : IDisposable
{
    private static readonly string[] s_events = [.. Enum.GetNames<EntryEvent>().Select(static name => name.ToLowerInvariant())];

    private readonly Meter? _own;
    private readonly KeyValuePair<string, object?> _name;
    private readonly Counter<long> _entries, _outages;
    private readonly Histogram<double> _delay;
    private readonly ObservableUpDownCounter<long> _length;
    private long _lastLength = -1, _lastDeadLength = -1;

    public QueueMetrics(IMeterFactory? factory, string name)
    {
        _name = new("scaling.batching.queue.name", name);
        Meter meter = factory?.Create("Scaling.Batching.Redis") ?? (_own = new Meter("Scaling.Batching.Redis"));
        _entries = meter.CreateCounter<long>("scaling.batching.queue.entries", "{entry}", "Entries by what happened to them.");
        _outages = meter.CreateCounter<long>("scaling.batching.queue.failures", "{failure}", "Rounds of a drain that Redis made fail.");
        _delay = meter.CreateHistogram<double>("scaling.batching.queue.delay", "s", "From Redis having an entry to the store having it.");
        _length = meter.CreateObservableUpDownCounter("scaling.batching.queue.length", () => Observe(ref _lastLength), "{entry}", "Entries in the stream, as last seen from here.");
        meter.CreateObservableUpDownCounter("scaling.batching.queue.dead_letters", () => Observe(ref _lastDeadLength), "{entry}", "Dead letters, as last seen from here.");
    }

    /// <summary>Whether anybody wants to know how long the queue is.</summary>
    public bool WantsLength => _length.Enabled;

    public void Count(EntryEvent what, int entries = 1)
    {
        if (entries > 0 && _entries.Enabled)
        {
            _entries.Add(entries, _name, new("scaling.batching.queue.event", s_events[(int)what]));
        }
    }

    public void Written(Delivery entry, DateTimeOffset now)
    {
        Count(EntryEvent.Written);
        if (_delay.Enabled)
        {
            _delay.Record(Math.Max(0, (now - entry.EnqueuedAt).TotalSeconds), _name); // two clocks: Redis' and ours
        }
    }

    public void Failed() => _outages.Add(1, _name);

    public void SawLength(long length) => Volatile.Write(ref _lastLength, length);

    public void SawDeadLength(long length) => Volatile.Write(ref _lastDeadLength, length);

    public void Dispose()
    {
        SawLength(-1); // a factory's meter lives on and keeps the callbacks
        SawDeadLength(-1);
        _own?.Dispose();
    }

    private Measurement<long>[] Observe(ref long last) =>
        Volatile.Read(ref last) is >= 0 and var length ? [new Measurement<long>(length, _name)] : [];
}
