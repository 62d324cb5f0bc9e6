using System.Diagnostics;

namespace TierDemo.Load.Internal;

/// <summary>One connection's life: take a request, wait until it is due, exchange, record.</summary>
internal sealed class VirtualUser(Schedule schedule, RequestSource requests, LoadConnection connection, LoadStatistics statistics, Pacer pacer)
{
    private static readonly long PauseAfterFailure = Stopwatch.Frequency / 20;

    private readonly RequestSpace _space = new();
    private readonly Pacer.Waiter _waiter = new();

    public async Task RunAsync()
    {
        while (!pacer.IsStopped && schedule.TryTake(out long ordinal, out long due))
        {
            if (schedule.IsTooLate)
            {
                statistics.RecordUnsent(due, schedule.End);
                continue;
            }

            if (due > Stopwatch.GetTimestamp())
            {
                await pacer.WaitAsync(_waiter, due).ConfigureAwait(false);
                connection.DropIfClosedByPeer();
            }

            ReadOnlyMemory<byte> request = requests.Write(ordinal, _space, out bool isHead);
            string? failure = await connection.ExchangeAsync(request, isHead).ConfigureAwait(false);
            if (pacer.IsStopped)
            {
                return; // cancelled: this failure is our own
            }

            long now = Stopwatch.GetTimestamp();
            statistics.Record(due, now, failure, connection);
            if (failure is not null && schedule.PausesAfterFailure)
            {
                await pacer.WaitAsync(_waiter, now + PauseAfterFailure).ConfigureAwait(false);
            }
        }
    }
}
