using Microsoft.Extensions.Time.Testing;

namespace Scaling.Resilience.Tests.Simulation;

/// <summary>Future events in order; running them moves the fake clock.</summary>
internal sealed class Agenda(FakeTimeProvider time)
{
    private readonly PriorityQueue<Action, (DateTimeOffset Due, long Order)> _events = new();
    private long _order;

    public void At(DateTimeOffset due, Action action) => _events.Enqueue(action, (due, _order++));

    public void RunUntil(DateTimeOffset end, Action? afterEach = null)
    {
        while (_events.TryPeek(out Action? next, out var key) && key.Due <= end)
        {
            _ = _events.Dequeue();
            if (key.Due > time.GetUtcNow())
            {
                time.SetUtcNow(key.Due);
            }

            next();
            afterEach?.Invoke();
        }

        time.SetUtcNow(end);
    }
}
