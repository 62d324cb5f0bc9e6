using System.Threading.RateLimiting;
using Scaling.Resilience.Internal;

namespace Scaling.Resilience;

/// <summary>
/// A <see cref="RateLimiter"/> whose number of permits is learned: as many calls at once as the server behind it can use,
/// the rest waits for a moment and is then turned away.
/// </summary>
/// <remarks>
/// Use it through <c>AddAdaptiveConcurrency</c>, which also tells it which calls failed, or wherever a <see cref="RateLimiter"/>
/// fits (ASP.NET Core's rate limiting middleware); then the time from lease to dispose is the sample. One permit per lease.
/// Thread-safe; no allocation for a permit that is free when it goes through the strategy.
/// </remarks>
public sealed partial class AdaptiveConcurrencyLimiter : RateLimiter
{
    internal static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly IConcurrencyLimit _algorithm;
    private readonly WaitQueue _queue;
    private readonly AdaptiveConcurrencyOptions _options;
    private readonly MonotonicClock _clock;
    private readonly ITimer _ageOut;
    private bool _ageOutArmed;
    private bool _disposed;
    private int _inFlight;
    private long _granted;
    private long _refused;
    private TimeSpan _idleSince;

    /// <summary>Makes the limiter.</summary>
    /// <param name="options">The algorithm and the queue; the defaults if null.</param>
    /// <param name="timeProvider">The clock; the system's if null.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range.</exception>
    public AdaptiveConcurrencyLimiter(AdaptiveConcurrencyOptions? options = null, TimeProvider? timeProvider = null)
    {
        _options = options ?? new AdaptiveConcurrencyOptions();
        _options.Validate();
        timeProvider ??= TimeProvider.System;
        _algorithm = _options.Algorithm();
        _clock = new MonotonicClock(timeProvider);
        _queue = new WaitQueue(_options.QueueLimit, _options.QueueTarget, _options.QueueInterval, _options.AdaptiveLifo);
        _ageOut = timeProvider.CreateTimer(static state => ((AdaptiveConcurrencyLimiter)state!).AgeOut(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        ResilienceMetrics.Limiters.Add(this);
    }

    /// <summary>Calls allowed at once, now.</summary>
    public int Limit => Math.Max(1, _algorithm.Limit);

    /// <summary>Calls that hold a permit.</summary>
    public int InFlight => Volatile.Read(ref _inFlight);

    internal int Queued => _queue.Count;

    internal string? Name => _options.Name;

    internal TimeSpan Now => _clock.Now;

    internal AdaptiveConcurrencyOptions Options => _options;

    /// <summary>Takes a permit if one is free and nobody waits for it.</summary>
    /// <returns>True: the caller must call <see cref="Leave"/> once.</returns>
    internal bool TryEnter()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_inFlight >= Limit || _queue.Count > 0)
            {
                return false;
            }

            _inFlight++;
            _granted++;
            return true;
        }
    }

    /// <summary>Waits for a permit.</summary>
    /// <returns>True: the caller must call <see cref="Leave"/> once. False: it was turned away and owes nothing.</returns>
    internal ValueTask<bool> EnterAsync(CallPriority priority, CancellationToken cancellationToken)
    {
        Waiter waiter;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_inFlight < Limit && _queue.Count == 0)
            {
                _inFlight++;
                _granted++;
                return new(true);
            }

            if (_options.QueueLimit == 0)
            {
                _refused++;
                return new(false);
            }

            waiter = new Waiter(priority, _clock.Now);
            if (!_queue.TryEnqueue(waiter, out Waiter? evicted))
            {
                _refused++;
                return new(false);
            }

            if (evicted is not null)
            {
                Refuse(evicted);
            }

            ArmAgeOut();
        }

        if (cancellationToken.CanBeCanceled)
        {
            Register(waiter, cancellationToken);
        }

        return waiter.Task;
    }

    /// <summary>Gives a permit back, learns from the call, and wakes who may run now.</summary>
    /// <param name="entered">The limiter's <see cref="Now"/> when the permit was got.</param>
    /// <param name="verdict">What the call says about the server.</param>
    internal void Leave(TimeSpan entered, CallVerdict verdict)
    {
        lock (_lock)
        {
            TimeSpan now = _clock.Now; // in here: the algorithm is promised samples in order
            if (verdict != CallVerdict.Nothing)
            {
                _algorithm.OnSample(new ConcurrencySample(now, now - entered, _inFlight, verdict == CallVerdict.Failure));
            }

            _inFlight--;
            _idleSince = now;
            while (_inFlight < Limit && _queue.Dequeue(now) is { } next)
            {
                _inFlight++;
                _granted++;
                next.Finish(granted: true);
            }
        }
    }

    // Cancellation against grant:
    // 1. The waiter is in the queue before its token is watched, so a grant or a refusal may come first; then Node.List is null
    //    and the callback below does nothing.
    // 2. Whoever removes the waiter from the queue, under the lock, is the one who finishes it: grant, refusal and cancellation
    //    exclude each other.
    // 3. A token that is cancelled already runs the callback inside UnsafeRegister, on this thread, outside the lock.
    private void Register(Waiter waiter, CancellationToken cancellationToken)
    {
        CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(
            static (state, token) =>
            {
                var (limiter, waiter) = ((AdaptiveConcurrencyLimiter, Waiter))state!;
                lock (limiter._lock)
                {
                    if (limiter._queue.Remove(waiter, limiter._clock.Now))
                    {
                        waiter.Cancel(token);
                    }
                }
            },
            (this, waiter));

        lock (_lock)
        {
            if (waiter.Node.List is not null)
            {
                waiter.Registration = registration;
                return;
            }
        }

        _ = registration.Unregister();
    }

    private void AgeOut()
    {
        lock (_lock)
        {
            _ageOutArmed = false;
            TimeSpan now = _clock.Now;
            while (_queue.DequeueExpired(now) is { } expired)
            {
                Refuse(expired);
            }

            ArmAgeOut();
        }
    }

    private void ArmAgeOut()
    {
        if (!_ageOutArmed && !_disposed && _queue.Count > 0)
        {
            _ageOutArmed = true;
            _ageOut.Change(_options.QueueTarget, Timeout.InfiniteTimeSpan);
        }
    }

    private void Refuse(Waiter waiter)
    {
        _refused++;
        waiter.Finish(granted: false);
    }
}
