using System.Diagnostics.Metrics;

namespace Scaling.Resilience.Internal;

/// <summary>Owns <c>Meter("Scaling.Resilience")</c>. Gauges read the live instances when a listener asks; nothing is done before that.</summary>
internal static class ResilienceMetrics
{
    public static readonly LiveSet<CircuitBreaker> Circuits = new();
    public static readonly LiveSet<AdaptiveConcurrencyLimiter> Limiters = new();
    public static readonly LiveSet<RetryBudget> Budgets = new();
    public static readonly LiveSet<AdaptiveThrottleStrategy> Throttles = new();

    private static readonly Meter Meter = new("Scaling.Resilience");

    private static readonly Counter<long> Rejections = Meter.CreateCounter<long>(
        "scaling.resilience.rejections", "{request}", "Calls turned away before they started.");

    private static readonly UpDownCounter<long> AbandonedCalls = Meter.CreateUpDownCounter<long>(
        "scaling.resilience.abandoned", "{request}", "Calls that go on although their hard timeout has passed.");

    static ResilienceMetrics()
    {
        Observe("circuit.state", "{state}", "0 closed, 1 half-open, 2 open.", Circuits, c => (int)c.State, c => c.Name);
        Observe("concurrency.limit", "{request}", "Calls allowed at once.", Limiters, l => l.Limit, l => l.Name);
        Observe("concurrency.in_flight", "{request}", "Calls running now.", Limiters, l => l.InFlight, l => l.Name);
        Observe("concurrency.queued", "{request}", "Calls waiting for a permit.", Limiters, l => l.Queued, l => l.Name);
        Observe("retry_budget.balance", "{retry}", "Retries the budget would pay for now.", Budgets, b => b.Balance, b => b.Name);
        Observe("throttle.rejection_probability", "1", "Share of the calls held back now.", Throttles, t => t.RejectionProbability, t => t.Name);
    }

    public static void Abandoned(int change) => AbandonedCalls.Add(change);

    public static void Rejected(string strategy, string? name, string reason)
    {
        if (Rejections.Enabled)
        {
            Rejections.Add(1, new("strategy", strategy), new("name", name), new("reason", reason));
        }
    }

    private static void Observe<T, TValue>(
        string noun, string unit, string description, LiveSet<T> live, Func<T, TValue> value, Func<T, string?> name)
        where T : class
        where TValue : struct =>
        Meter.CreateObservableGauge(
            "scaling.resilience." + noun,
            () => live.Snapshot().Select(member => new Measurement<TValue>(value(member), new KeyValuePair<string, object?>("name", name(member)))),
            unit,
            description);
}
