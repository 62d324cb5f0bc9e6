using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Scaling.Caching.Tests;

/// <summary>What one counter of the meter added up to, by tag. The name of a cache in metrics is its key prefix.</summary>
internal sealed class MetricSum : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly ConcurrentBag<(long Value, KeyValuePair<string, object?>[] Tags)> _seen = [];

    public MetricSum(string instrument)
    {
        _listener.InstrumentPublished = (published, listener) =>
        {
            if (published.Meter.Name == "Scaling.Caching" && published.Name == instrument)
            {
                listener.EnableMeasurementEvents(published);
            }
        };
        _listener.SetMeasurementEventCallback<long>((_, value, tags, _) => _seen.Add((value, tags.ToArray())));
        _listener.SetMeasurementEventCallback<double>((_, _, tags, _) => _seen.Add((1, tags.ToArray())));
        _listener.Start();
    }

    public long Of(string cache) => _seen.Where(one => Has(one.Tags, "scaling.caching.name", cache)).Sum(one => one.Value);

    public long Of(string tag, string value, string cache) =>
        _seen.Where(one => Has(one.Tags, "scaling.caching.name", cache) && Has(one.Tags, tag, value)).Sum(one => one.Value);

    public void Dispose() => _listener.Dispose();

    private static bool Has(KeyValuePair<string, object?>[] tags, string name, string value) => tags.Any(tag => tag.Key == name && (string?)tag.Value == value);
}
