namespace Scaling.Resilience;

/// <summary>Asks a failed dependency, in the background, whether it is back; a circuit that has one closes only after a real answer.</summary>
/// <remarks>
/// The first question comes after a quarter of a second, the next ones after twice as long each, up to <see cref="MaxDelay"/>,
/// spread by ±20 % so that a fleet does not ask in step. A question that takes longer than <see cref="Timeout"/> is given up,
/// also when it ignores its token.
/// </remarks>
/// <param name="probe">The question, such as <c>SELECT 1</c> or <c>PING</c>; any exception means not yet. It must not go through the circuit it heals.</param>
public sealed class RecoveryProber(Func<CancellationToken, Task> probe)
{
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(250);

    private readonly Func<CancellationToken, Task> _probe = probe ?? throw new ArgumentNullException(nameof(probe));

    /// <summary>The longest wait between two. Default 5 s.</summary>
    public TimeSpan MaxDelay { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long one question may take. Default 1 s.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <returns>True: the dependency answered. False: <paramref name="cancellationToken"/> ended the search.</returns>
    internal async Task<bool> RecoverAsync(TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        for (TimeSpan delay = FirstDelay; ; delay *= 2)
        {
            delay = delay < MaxDelay ? delay : MaxDelay;
#pragma warning disable CA1031, CA5394 // whatever the probe throws means "not yet"; the jitter needs no secret
            try
            {
                await Task.Delay(delay * (0.8 + (Random.Shared.NextDouble() * 0.4)), timeProvider, cancellationToken).ConfigureAwait(false);
                using var timeout = new CancellationTokenSource(Timeout, timeProvider);
                using var linked = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
                await _probe(linked.Token).WaitAsync(Timeout, timeProvider, cancellationToken).ConfigureAwait(false);
                return true;
            }
            catch (Exception)
            {
                if (cancellationToken.IsCancellationRequested)
                {
                    return false;
                }
            }
#pragma warning restore CA1031, CA5394 // see above
        }
    }
}
