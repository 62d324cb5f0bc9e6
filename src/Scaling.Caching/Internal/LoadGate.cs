using System.Diagnostics.CodeAnalysis;

namespace Scaling.Caching.Internal;

/// <summary>The load bulkhead: so many loads at once and no more.</summary>
[SuppressMessage("Reliability", "CA1001", Justification = "No wait handle is ever asked for, and a load may give its place back after the cache is gone.")]
internal sealed class LoadGate(int places)
{
    private readonly SemaphoreSlim _places = new(places);

    /// <summary>True: the caller has a place and must give it back with <see cref="LeaveWith"/>.</summary>
    public Task<bool> EnterAsync(TimeSpan patience, CancellationToken cancellationToken) => _places.WaitAsync(patience, cancellationToken);

    /// <summary>Gives the place back when the load has really ended, whether or not anyone still waits for it.</summary>
    public void LeaveWith(Task load)
    {
        if (load.IsCompleted)
        {
            _places.Release();
            return;
        }

        load.ContinueWith(
            static (ended, gate) =>
            {
                _ = ended.Exception;
                ((LoadGate)gate!)._places.Release();
            },
            this,
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }
}
