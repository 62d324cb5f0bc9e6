using TierDemo.Load;

namespace TierDemo.Climb;

/// <summary>A load that runs while something is done to the servers.</summary>
internal static class LoadMeanwhile
{
    /// <summary>Starts the load, does what is to be done, and waits for both. If that fails, the load ends with it.</summary>
    public static async Task<(LoadResult Load, T Done)> RunAsync<T>(LoadPlan plan, Func<Task<T>> act, CancellationToken cancellationToken)
    {
        using var failed = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task<LoadResult> load = LoadGenerator.RunAsync(plan, null, failed.Token);
        try
        {
            T done = await act();
            return (await load, done);
        }
        catch
        {
            await failed.CancelAsync(); // whatever went wrong here, the load must not go on alone
            await load.ContinueWith(_ => { }, TaskScheduler.Default);
            throw;
        }
    }
}
