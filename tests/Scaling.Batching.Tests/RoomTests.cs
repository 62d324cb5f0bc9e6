using Microsoft.Extensions.Diagnostics.Metrics.Testing;
using Microsoft.Extensions.Time.Testing;

namespace Scaling.Batching.Tests;

/// <summary>However a write ends, its room comes back, once.</summary>
public sealed class RoomTests : IDisposable
{
    private const int Capacity = 3;

    private readonly TestMeters _meters = new();
    private readonly FakeTimeProvider _time = new();
    private readonly HeldStore<int> _store = new();

    public void Dispose() => _meters.Dispose();

    public enum Ending
    {
        Written,
        PoisonNamed,
        PoisonFound,
        Failed,
        Unknown,
        WrongCount,
        CancelledInTheQueue,
        CancelledInFlight,
        CancelledInLine,
        TimedOut,
        Abandoned,
        DeadLetterThrows,
        CallersDelegateThrows,
        TooLarge,
        Rejected,
    }

    public static TheoryData<Ending> Endings => [.. Enum.GetValues<Ending>()];

    [Theory, MemberData(nameof(Endings))]
    public async Task Room_is_given_back_after_every_ending(Ending ending)
    {
        using var pending = new MetricCollector<int>(_meters, "Scaling.Batching", "scaling.batching.pending");
        await using var batcher = new WriteBatcher<int, int>(
            _store.WriteAsync,
            new WriteBatcherOptions<int>
            {
                Capacity = Capacity,
                CapacityBytes = Capacity * 10,
                SizeOf = item => item == 666 ? throw new InvalidOperationException("SizeOf") : item == 1_000 ? 1_000 : 10,
                RejectWhenFull = ending == Ending.Rejected,
                OnDeadLetter = (_, _) => ending == Ending.DeadLetterThrows ? throw new InvalidOperationException("callback") : default,
                WriteTimeout = TimeSpan.FromSeconds(5),
                MeterFactory = _meters,
            },
            _time);

        for (int round = 0; round < 3; round++) // a leak of one would show in the first, a double release in the second
        {
            await EndAsync(batcher, ending);
            await Eventually.HoldsAsync(() => Pending() == 0, "all room given back");
        }

        // All of it can be taken again, and not more.
        Task<int>[] all = [.. Enumerable.Range(0, Capacity).Select(i => batcher.WriteAsync(i).AsTask())];
        using var leave = new CancellationTokenSource();
        Task? tooMany = null;
        if (ending == Ending.Rejected)
        {
            Assert.Throws<WriteRejectedException>(() => { _ = batcher.WriteAsync(9).AsTask(); });
        }
        else
        {
            tooMany = batcher.WriteAsync(9, leave.Token).AsTask();
        }

        Assert.Equal(Capacity, Pending());
        await leave.CancelAsync();
        await CommitAllAsync(all);
        Assert.True(tooMany is null || await tooMany.ErrorAsync() is OperationCanceledException);
        Assert.Equal(0, Pending());

        int Pending()
        {
            pending.RecordObservableInstruments();
            return pending.LastMeasurement!.Value;
        }
    }

    private async Task EndAsync(WriteBatcher<int, int> batcher, Ending ending)
    {
        if (ending is Ending.CallersDelegateThrows or Ending.TooLarge)
        {
            Assert.ThrowsAny<Exception>(() => { _ = batcher.WriteAsync(ending == Ending.TooLarge ? 1_000 : 666).AsTask(); });
            return;
        }

        using var cancel = new CancellationTokenSource();
        Task<int> first = batcher.WriteAsync(0, ending == Ending.CancelledInFlight ? cancel.Token : default).AsTask();
        HeldStore<int>.Call call = await _store.NextAsync();
        Task<int>[] two = [.. Enumerable.Range(1, 2).Select(i => batcher.WriteAsync(i, ending == Ending.CancelledInTheQueue ? cancel.Token : default).AsTask())];
        Task inLine = ending switch
        {
            Ending.CancelledInLine => batcher.WriteAsync(3, cancel.Token).AsTask(),
            Ending.Rejected => Task.FromException(Assert.Throws<WriteRejectedException>(() => { _ = batcher.WriteAsync(3).AsTask(); })),
            _ => Task.CompletedTask,
        };
        await cancel.CancelAsync();
        switch (ending)
        {
            case Ending.PoisonNamed or Ending.DeadLetterThrows:
                call.Fail(new RowFaultException(0, new FormatException()));
                break;
            case Ending.PoisonFound:
                call.Fail(new FormatException());
                break;
            case Ending.Failed:
                call.Fail(new NotSupportedException());
                break;
            case Ending.Unknown:
                call.Fail(new WriteOutcomeUnknownException("?"));
                break;
            case Ending.WrongCount:
                call.Answer([1, 2, 3, 4]);
                break;
            case Ending.CancelledInFlight:
                call.Fail(new OperationCanceledException(call.Token));
                break;
            case Ending.TimedOut or Ending.Abandoned:
                await PassTimeAsync(() => call.Token.IsCancellationRequested);
                if (ending == Ending.TimedOut)
                {
                    call.Fail(new OperationCanceledException(call.Token));
                }
                else
                {
                    await PassTimeAsync(() => first.IsCompleted);
                }

                break;
            default:
                call.Commit();
                break;
        }

        await first.ErrorAsync();
        await CommitAllAsync(two);
        await inLine.ErrorAsync();
        call.Commit(); // a late answer of an abandoned delegate gives nothing back a second time
    }

    private async Task CommitAllAsync(Task<int>[] writes)
    {
        for (Task all = Task.WhenAll(writes); !all.IsCompleted; await Task.Yield())
        {
            while (_store.TryNext() is { } call)
            {
                call.Commit();
            }
        }
    }

    private Task PassTimeAsync(Func<bool> until) => Eventually.HoldsAsync(() =>
    {
        if (until())
        {
            return true;
        }

        _time.Advance(TimeSpan.FromSeconds(1));
        return false;
    });
}
