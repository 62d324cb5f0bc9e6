using System.Diagnostics;

namespace Scaling.Caching.Internal;

/// <summary>One run of a loader that has a place in the gate: gives the place back, times and counts the run, and is its span.</summary>
internal sealed class LoadRun(LoadGate gate, CachingMetrics metrics, TimeProvider time) : IDisposable
{
    private readonly long _start = time.GetTimestamp();
    private Activity? _activity;
    private string _outcome = "ok";

    public TimeSpan Elapsed => time.GetElapsedTime(_start);

    /// <summary>Starts the loader; whatever it throws is in the task. The place is given back when that ends.</summary>
    public Task<T> Start<TState, T>(TState state, Func<TState, Task<T>> load)
    {
        Task<T> running;
        try
        {
            _activity = CachingMetrics.Source.StartActivity("cache.load");
            running = load(state);
        }
        catch (Exception exception)
        {
            running = Task.FromException<T>(exception);
        }

        gate.LeaveWith(running);
        return running;
    }

    public void Failed(bool timedOut, Exception exception)
    {
        _outcome = timedOut ? "timeout" : "error";
        _activity?.SetStatus(ActivityStatusCode.Error, exception.Message);
    }

    public void Dispose()
    {
        metrics.Load(_outcome, Elapsed);
        _activity?.Dispose();
    }
}
