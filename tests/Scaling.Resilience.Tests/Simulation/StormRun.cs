using Microsoft.Extensions.Time.Testing;
using Polly;
using Polly.Retry;

namespace Scaling.Resilience.Tests.Simulation;

/// <summary>Clients that time out and retry, through Polly's real retry, against a server that stops for a while and keeps its queue.</summary>
internal sealed class StormRun
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly Agenda _agenda;
    private readonly Random _random = new(4711);
    private readonly DateTimeOffset _start;
    private readonly ResiliencePipeline _pipeline;

    public StormRun(bool withBudget)
    {
        _agenda = new Agenda(_time);
        _start = _time.GetUtcNow();
        Server = new SimulatedServer(_time, _agenda, workers: 20, TimeSpan.FromMilliseconds(50), seed: 42);
        var retry = new RetryStrategyOptions { MaxRetryAttempts = 3, Delay = TimeSpan.Zero };
        _pipeline = new ResiliencePipelineBuilder { TimeProvider = _time }
            .AddRetry(withBudget ? retry.WithBudget(new RetryBudget(timeProvider: _time)) : retry)
            .Build();
    }

    public SimulatedServer Server { get; }

    public TimeSpan Patience { get; } = TimeSpan.FromSeconds(1);

    public List<Second> Seconds { get; } = [];

    /// <summary>Attempts beyond the first, in all.</summary>
    public int Retries { get; private set; }

    public void Run(int seconds, double ratePerSecond)
    {
        for (int i = 0; i < seconds; i++)
        {
            Seconds.Add(new Second());
            DateTimeOffset end = _start + TimeSpan.FromSeconds(Seconds.Count);
            DateTimeOffset next = _time.GetUtcNow();
            while ((next += TimeSpan.FromSeconds(Spreads.Exponential(_random) / ratePerSecond)) < end)
            {
                _agenda.At(next, () => _ = Call());
            }

            _agenda.RunUntil(end);
        }
    }

    private async Task Call()
    {
        Seconds[^1].Offered++;
        int attempts = 0;
        Outcome<int> outcome = await _pipeline.ExecuteOutcomeAsync<int, int>(
            (_, _) =>
            {
                Retries += attempts++ > 0 ? 1 : 0;
                Seconds[^1].Sent++;
                return new ValueTask<Outcome<int>>(WithPatience(Server.CallAsync()));
            },
            ResilienceContextPool.Shared.Get(),
            0);
        Seconds[^1].Good += outcome.Exception is null ? 1 : 0;
    }

    private Task<Outcome<int>> WithPatience(Task<Outcome<int>> answer)
    {
        var result = new TaskCompletionSource<Outcome<int>>();
        _agenda.At(_time.GetUtcNow() + Patience, () => result.TrySetResult(Outcome.FromException<int>(new TimeoutException())));
        _ = answer.ContinueWith(done => result.TrySetResult(done.Result), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        return result.Task;
    }
}
