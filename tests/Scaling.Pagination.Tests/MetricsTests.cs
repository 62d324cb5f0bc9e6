using System.Diagnostics.Metrics;

namespace Scaling.Pagination.Tests;

public sealed class MetricsTests
{
    [Fact]
    public async Task Pages_are_timed_and_refused_cursors_counted()
    {
        var seen = new List<string>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Meter.Name == "Scaling.Pagination")
                {
                    self.EnableMeasurementEvents(instrument);
                }
            },
        };
        void Record<TValue>(Instrument instrument, TValue value, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? state)
        {
            lock (seen)
            {
                seen.Add($"{instrument.Name} {string.Join(' ', tags.ToArray().Select(tag => $"{tag.Key}={tag.Value}"))}");
            }
        }
        listener.SetMeasurementEventCallback<double>(Record);
        listener.SetMeasurementEventCallback<long>(Record);
        listener.Start();
        Keyset<int> numbers = Keyset.For<int>().Ascending(x => x, column: "x").Unique();
        IQueryable<int> list = Enumerable.Range(1, 2).AsQueryable();
        await list.ToPageAsync(numbers, PageRequest.Last(1));
        await Assert.ThrowsAsync<InvalidCursorException>(() => list.ToPageAsync(numbers, new PageRequest(1, "nonsense")));
        lock (seen)
        {
            Assert.Contains("scaling.pagination.page.duration door=linq direction=backward", seen);
            Assert.Contains("scaling.pagination.cursor.refused reason=Malformed", seen);
        }
    }
}
