using System.Diagnostics.CodeAnalysis;
using Scaling.Resilience.Internal;

namespace Scaling.Resilience;

/// <summary>The moment after which nobody waits for the answer. It travels with the call, within the process and between services.</summary>
/// <remarks>
/// A service reads it from the request with <see cref="TryParse"/>, makes it ambient with <see cref="Enter"/>, guards its own calls with
/// <c>AddDeadline</c>, and sends <see cref="ToString"/> on under <see cref="HeaderName"/>. It is sent as the time that remains, in the
/// syntax of <c>grpc-timeout</c>, because the clocks of two machines differ; what the network takes is lost. Immutable, thread-safe.
/// </remarks>
public sealed class Deadline
{
    /// <summary>The header: <c>x-request-deadline</c>. <c>grpc-timeout</c> has the same syntax.</summary>
    public const string HeaderName = "x-request-deadline";

    private static readonly AsyncLocal<Deadline?> Ambient = new();

    private readonly MonotonicClock _clock;
    private readonly TimeSpan _allowed;

    private Deadline(TimeSpan allowed, TimeProvider? timeProvider)
    {
        _allowed = allowed;
        _clock = new MonotonicClock(timeProvider ?? TimeProvider.System);
    }

    /// <summary>The deadline of the call that this code belongs to; null if there is none.</summary>
    public static Deadline? Current => Ambient.Value;

    /// <summary>The time left; zero when it has passed.</summary>
    public TimeSpan Remaining => _allowed > _clock.Now ? _allowed - _clock.Now : TimeSpan.Zero;

    /// <summary>A deadline so far from now.</summary>
    /// <param name="remaining">The time allowed; zero or less has passed already.</param>
    /// <param name="timeProvider">The clock; the system's if null.</param>
    /// <returns>The deadline.</returns>
    public static Deadline After(TimeSpan remaining, TimeProvider? timeProvider = null) => new(remaining, timeProvider);

    /// <summary>Reads a header: up to eight digits and a unit, <c>H M S m u n</c> for hours to nanoseconds, such as <c>250m</c>.</summary>
    /// <param name="header">The value of the header; null or anything malformed gives false.</param>
    /// <param name="deadline">The deadline, counted from now.</param>
    /// <param name="timeProvider">The clock; the system's if null.</param>
    /// <returns>Whether the header was a deadline.</returns>
    public static bool TryParse(string? header, [NotNullWhen(true)] out Deadline? deadline, TimeProvider? timeProvider = null)
    {
        deadline = GrpcTimeout.TryParse(header, out TimeSpan remaining) ? After(remaining, timeProvider) : null;
        return deadline is not null;
    }

    /// <summary>Makes this the deadline of all calls begun from here on, unless an earlier one holds already.</summary>
    /// <returns>Dispose it to end that.</returns>
    public IDisposable Enter()
    {
        Deadline? outer = Ambient.Value;
        if (outer is null || Remaining < outer.Remaining)
        {
            Ambient.Value = this;
        }

        return new Scope(outer);
    }

    /// <summary>The value for the header: the time that remains, rounded down.</summary>
    /// <returns>Such as <c>250m</c>.</returns>
    public override string ToString() => GrpcTimeout.Format(Remaining);

    private sealed class Scope(Deadline? outer) : IDisposable
    {
        public void Dispose() => Ambient.Value = outer;
    }
}
