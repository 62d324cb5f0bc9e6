using System.Diagnostics.Metrics;

namespace Scaling.Batching.Tests;

/// <summary>Makes meters of this test's own, so that tests do not hear each other.</summary>
internal sealed class TestMeters : IMeterFactory
{
    public Meter Create(MeterOptions options)
    {
        options.Scope = this;
        return new(options);
    }

    public void Dispose()
    {
    }
}
