namespace LocalServices.Internal;

internal static class Ready
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    /// <summary>Asks until the server answers; its log explains when it ends or the deadline passes first.</summary>
    public static async Task WaitAsync(string what, LocalProcess process, Func<CancellationToken, Task<bool>> answers, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(Deadline);
        while (!await answers(deadline.Token))
        {
            if (process.HasExited)
            {
                throw new InvalidOperationException($"{what} ended while starting. Its log:{Environment.NewLine}{process.LogTail()}");
            }

            try
            {
                await Task.Delay(20, deadline.Token);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                throw new TimeoutException($"{what} did not answer within {Deadline.TotalSeconds} s. Its log:{Environment.NewLine}{process.LogTail()}");
            }
        }
    }
}
