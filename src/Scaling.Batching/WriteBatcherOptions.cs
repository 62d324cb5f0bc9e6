using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using Polly;
using Scaling.Batching.Internal;

namespace Scaling.Batching;

/// <summary>How a batcher gathers, bounds and sends writes. The defaults need no tuning: idle sends at once, busy gathers.</summary>
/// <remarks>Everything but the delegates and factories binds from configuration. A batcher reads its options once, in its constructor.</remarks>
public class WriteBatcherOptions
{
    /// <summary>The most writes one batch holds. Default 10,000: whatever is queued, as <see cref="Capacity"/> is the same.</summary>
    /// <remarks>
    /// <see cref="PostgresInsert{T}"/> takes any number. Set it lower for very large rows (one statement carries them all), and for a
    /// delegate of your own whose statement is limited: 65,535 parameters in PostgreSQL, 2,100 in SQL Server.
    /// </remarks>
    public int MaxBatchSize { get; set; } = 10_000;

    /// <summary>
    /// How long, counted from its first write, a batch may be held open for more. Default zero: <em>natural batching</em>, an
    /// idle batcher sends at once and a busy one gathers until the batch before has been written and its callers let go on.
    /// </summary>
    /// <remarks>
    /// A window never waits for callers that cannot come: it closes as soon as every caller answered within the last
    /// <see cref="MaxDelay"/> is back in it, and as soon as nobody has come for a tenth of <see cref="MaxDelay"/>.
    /// </remarks>
    public TimeSpan MaxDelay { get; set; }

    /// <summary>
    /// How many batches of one partition may be in flight together. Default 1, which also keeps writes in order. With 2, each
    /// with its share of what is pending, the database works on one while the callers of the other are being answered.
    /// </summary>
    public int MaxConcurrentBatches { get; set; } = 1;

    /// <summary>The most writes that may be pending (queued or being written). Default 10,000.</summary>
    public int Capacity { get; set; } = 10_000;

    /// <summary>
    /// The most bytes that may be pending, as told by <see cref="WriteBatcherOptions{TItem}.SizeOf"/>. Default: no bound by bytes.
    /// </summary>
    public long? CapacityBytes { get; set; }

    /// <summary>
    /// What a write does when the batcher is full: wait for room (false, the default) or fail at once with
    /// <see cref="WriteRejectedException"/> (true). Nothing is ever dropped.
    /// </summary>
    public bool RejectWhenFull { get; set; }

    /// <summary>
    /// How long one call of the write delegate may take before its token is cancelled. Default 30 seconds. A delegate that
    /// ignores its token is abandoned two seconds later and its callers get <see cref="WriteOutcomeUnknownException"/>.
    /// </summary>
    public TimeSpan WriteTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Runs every call of the write delegate, so its retries, circuit breaker and so on apply to batches. Default: one attempt.
    /// </summary>
    /// <remarks>
    /// The pipeline is never shown a failure that another attempt could not mend or might repeat: faults of a single row and
    /// <see cref="WriteOutcomeUnknownException"/> pass it by, so even a pipeline that retries everything writes nothing twice.
    /// </remarks>
    public ResiliencePipeline? Pipeline { get; set; }

    /// <summary>
    /// Tells whether an error is the fault of a single row, so that the batch is split to find it. Default: what
    /// PostgreSQL and Npgsql report for bad data (SQLSTATE classes 22, 23 and 44, P0001, 21000, and client-side conversion errors).
    /// </summary>
    public Func<Exception, bool> IsRowFault { get; set; } = RowFaults.IsRowFault;

    /// <summary>The value of the tag <c>scaling.batching.name</c> on every measurement. Default: the name of the item's type.</summary>
    public string? Name { get; set; }

    /// <summary>Creates the meter <c>Scaling.Batching</c>. Default: a meter of the batcher's own.</summary>
    public IMeterFactory? MeterFactory { get; set; }

    /// <summary>Where failures that no caller can see are logged. Default: nowhere.</summary>
    public ILoggerFactory? LoggerFactory { get; set; }

    internal virtual void Validate()
    {
        ArgumentNullException.ThrowIfNull(IsRowFault);
        Require(MaxBatchSize >= 1, nameof(MaxBatchSize), MaxBatchSize, "at least 1");
        Require(MaxDelay >= TimeSpan.Zero && MaxDelay <= TimeSpan.FromHours(1), nameof(MaxDelay), MaxDelay, "between zero and one hour");
        Require(MaxConcurrentBatches >= 1, nameof(MaxConcurrentBatches), MaxConcurrentBatches, "at least 1");
        Require(Capacity >= 1, nameof(Capacity), Capacity, "at least 1");
        Require(CapacityBytes is null or >= 1, nameof(CapacityBytes), CapacityBytes, "at least 1, or null for no bound by bytes");
        Require(WriteTimeout > TimeSpan.Zero && WriteTimeout <= TimeSpan.FromDays(1), nameof(WriteTimeout), WriteTimeout, "positive and at most one day");
    }

    private protected static void Require(bool condition, string name, object? value, string remedy)
    {
        if (!condition)
        {
            throw new ArgumentOutOfRangeException(name, value, $"{name} must be {remedy}.");
        }
    }
}
