using TierDemo.Serve;

namespace TierDemo.Tests;

public class MetricsSumTests
{
    [Fact]
    public void Counters_add_up_and_gauges_are_told_apart_by_worker()
    {
        const string first = "# HELP a_total A.\n# TYPE a_total counter\na_total 3\na_total{x=\"1\"} 1\n# HELP g G.\n# TYPE g gauge\ng{y=\"2\"} 5\n";
        const string second = "# HELP a_total A.\n# TYPE a_total counter\na_total 4\n# HELP g G.\n# TYPE g gauge\ng{y=\"2\"} 7\n";

        Assert.Equal(
            "# HELP a_total A.\n# TYPE a_total counter\na_total 7\na_total{x=\"1\"} 1\n# HELP g G.\n# TYPE g gauge\ng{y=\"2\",worker=\"0\"} 5\ng{y=\"2\",worker=\"1\"} 7\n",
            MetricsSum.Of([first, second]));
    }
}
