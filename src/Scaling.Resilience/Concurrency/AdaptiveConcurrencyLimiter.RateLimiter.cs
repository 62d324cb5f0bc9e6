using System.Diagnostics.CodeAnalysis;
using System.Threading.RateLimiting;
using Scaling.Resilience.Internal;

namespace Scaling.Resilience;

// The face that the BCL and ASP.NET Core know.
public sealed partial class AdaptiveConcurrencyLimiter
{
    /// <inheritdoc/>
    public override TimeSpan? IdleDuration
    {
        get
        {
            lock (_lock)
            {
                return _inFlight == 0 && _queue.Count == 0 ? _clock.Now - _idleSince : null;
            }
        }
    }

    /// <summary>Waits for a permit with a priority.</summary>
    /// <param name="priority">Lower ones are shed first.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>A lease; dispose it when the call is done.</returns>
    public async ValueTask<RateLimitLease> AcquireAsync(CallPriority priority, CancellationToken cancellationToken = default) =>
        await EnterAsync(priority, cancellationToken).ConfigureAwait(false) ? new Lease(this) : Refused();

    /// <inheritdoc/>
    public override RateLimiterStatistics GetStatistics()
    {
        lock (_lock)
        {
            return new RateLimiterStatistics
            {
                CurrentAvailablePermits = Math.Max(0, Limit - _inFlight),
                CurrentQueuedCount = _queue.Count,
                TotalSuccessfulLeases = _granted,
                TotalFailedLeases = _refused,
            };
        }
    }

    /// <inheritdoc/>
    protected override RateLimitLease AttemptAcquireCore(int permitCount)
    {
        CheckCount(permitCount);
        if (permitCount == 0)
        {
            return InFlight < Limit ? Lease.Empty : Lease.RefusedLease;
        }

        if (TryEnter())
        {
            return new Lease(this);
        }

        lock (_lock)
        {
            _refused++;
        }

        return Refused();
    }

    /// <inheritdoc/>
    protected override ValueTask<RateLimitLease> AcquireAsyncCore(int permitCount, CancellationToken cancellationToken)
    {
        CheckCount(permitCount);
        return permitCount == 0 ? new(AttemptAcquireCore(0)) : AcquireAsync(CallPriority.Normal, cancellationToken);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (!disposing)
        {
            return;
        }

        lock (_lock)
        {
            _disposed = true;
            while (_queue.Dequeue(_clock.Now) is { } waiter)
            {
                Refuse(waiter);
            }
        }

        _ageOut.Dispose();
        ResilienceMetrics.Limiters.Remove(this);
    }

    private static void CheckCount(int permitCount)
    {
        if (permitCount > 1)
        {
            throw new ArgumentOutOfRangeException(nameof(permitCount), permitCount, "A call is one call: AdaptiveConcurrencyLimiter gives one permit per lease.");
        }
    }

    private Lease Refused()
    {
        ResilienceMetrics.Rejected("adaptive_concurrency", Name, "limit");
        return Lease.RefusedLease;
    }

    private sealed class Lease(AdaptiveConcurrencyLimiter? limiter, bool isAcquired = true) : RateLimitLease
    {
        public static readonly Lease Empty = new(null);
        public static readonly Lease RefusedLease = new(null, isAcquired: false);

        private readonly TimeSpan _entered = limiter?.Now ?? default;
        private AdaptiveConcurrencyLimiter? _limiter = limiter;

        public override bool IsAcquired => isAcquired;

        public override IEnumerable<string> MetadataNames => isAcquired ? [] : [System.Threading.RateLimiting.MetadataName.RetryAfter.Name];

        public override bool TryGetMetadata(string metadataName, [NotNullWhen(true)] out object? metadata)
        {
            metadata = !isAcquired && metadataName == System.Threading.RateLimiting.MetadataName.RetryAfter.Name ? RetryAfter : null;
            return metadata is not null;
        }

        protected override void Dispose(bool disposing)
        {
            base.Dispose(disposing);
            Interlocked.Exchange(ref _limiter, null)?.Leave(_entered, CallVerdict.Success);
        }
    }
}
