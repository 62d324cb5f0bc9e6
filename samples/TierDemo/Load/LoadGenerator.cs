using System.Diagnostics;
using TierDemo.Load.Internal;

namespace TierDemo.Load;

/// <summary>Sends the requests of a <see cref="LoadPlan"/> over keep-alive HTTP/1.1 connections and measures the answers.</summary>
public static class LoadGenerator
{
    private static readonly TimeSpan ReportEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestWatch = TimeSpan.FromMilliseconds(100);

    /// <summary>Runs the plan to its end. A server that is down, slow or wrong makes a result full of errors, never an exception.</summary>
    /// <param name="plan">What to send.</param>
    /// <param name="progress">Told about once a second.</param>
    /// <param name="cancellationToken">Honoured at once: connections are cut.</param>
    /// <exception cref="ArgumentException">The plan makes no sense, or its target is neither this machine nor declared the user's own.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static async Task<LoadResult> RunAsync(LoadPlan plan, IProgress<LoadProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        plan.Validate();
        TargetHost target = await TargetHost.ResolveAsync(plan, cancellationToken).ConfigureAwait(false);
        RequestSource requests = plan.Workload.Compile(target.Authority, plan.Seed);
        HeaderCounter[] counters = [.. plan.CountedHeaders.Select(name => new HeaderCounter(name))];
        LoadConnection[] connections = [.. Enumerable.Range(0, plan.Connections).Select(_ => new LoadConnection(target, new ResponseParser(counters), plan.Timeout))];
        using var pacer = new Pacer();
        using CancellationTokenRegistration cut = cancellationToken.Register(() => Cut(pacer, connections));
        using var over = new CancellationTokenSource();
        Task watch = WatchAsync(connections, plan.Timeout, over.Token);
        try
        {
            await Parallel.ForEachAsync(connections, cancellationToken, static async (connection, _) => await connection.OpenAsync().ConfigureAwait(false)).ConfigureAwait(false);
            var schedule = new Schedule(plan, Stopwatch.GetTimestamp());
            var statistics = new LoadStatistics(counters, schedule, plan.Deadline ?? TimeSpan.MaxValue);
            Task report = progress is null ? Task.CompletedTask : ReportAsync(progress, statistics, over.Token);
            await Task.WhenAll(connections.Select(connection => Task.Run(new VirtualUser(schedule, requests, connection, statistics, pacer).RunAsync))).ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
            await over.CancelAsync().ConfigureAwait(false);
            await report.ConfigureAwait(false);
            return statistics.Finish(plan.Duration, Stopwatch.GetTimestamp());
        }
        finally
        {
            await over.CancelAsync().ConfigureAwait(false);
            await watch.ConfigureAwait(false);
            Cut(pacer, connections);
        }
    }

    private static void Cut(Pacer pacer, LoadConnection[] connections)
    {
        pacer.Stop(); // first: a user whose connection is cut then knows why
        foreach (LoadConnection connection in connections)
        {
            connection.Abort();
        }
    }

    private static async Task WatchAsync(LoadConnection[] connections, TimeSpan timeout, CancellationToken over)
    {
        TimeSpan every = timeout / 10 < LongestWatch ? timeout / 10 : LongestWatch;
        using var timer = new PeriodicTimer(every > TimeSpan.FromMilliseconds(1) ? every : TimeSpan.FromMilliseconds(1));
        while (await NextAsync(timer, over).ConfigureAwait(false))
        {
            long now = Stopwatch.GetTimestamp();
            foreach (LoadConnection connection in connections)
            {
                connection.AbortIfOverdue(now);
            }
        }
    }

    private static async Task ReportAsync(IProgress<LoadProgress> progress, LoadStatistics statistics, CancellationToken over)
    {
        using var timer = new PeriodicTimer(ReportEvery);
        while (await NextAsync(timer, over).ConfigureAwait(false))
        {
            progress.Report(statistics.Progress(Stopwatch.GetTimestamp()));
        }
    }

    private static async ValueTask<bool> NextAsync(PeriodicTimer timer, CancellationToken over)
    {
        try
        {
            return await timer.WaitForNextTickAsync(over).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
