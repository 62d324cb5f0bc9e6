namespace LocalServicesTests;

internal static class Eventually
{
    /// <summary>Awaits a condition; the deadline only ends a test that would otherwise hang.</summary>
    public static async Task HoldsAsync(Func<Task<bool>> condition)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!await condition())
        {
            await Task.Delay(20, deadline.Token);
        }
    }
}
