namespace Scaling.Batching.Tests;

internal static class Eventually
{
    /// <summary>Awaits a condition; the deadline only ends a test that would otherwise hang.</summary>
    public static async Task HoldsAsync(Func<bool> condition, string what = "condition")
    {
        for (long end = Environment.TickCount64 + 30_000; !condition();)
        {
            Assert.True(Environment.TickCount64 < end, $"{what} did not come true within 30 s");
            await Task.Delay(1);
        }
    }

    /// <summary>Awaits a task that must not hang.</summary>
    public static Task WithinDeadline(this Task task) => task.WaitAsync(TimeSpan.FromSeconds(30));

    public static Task<T> WithinDeadline<T>(this Task<T> task) => task.WaitAsync(TimeSpan.FromSeconds(30));

    public static Task WithinDeadline(this ValueTask task) => task.AsTask().WithinDeadline();

    public static Task<T> WithinDeadline<T>(this ValueTask<T> task) => task.AsTask().WithinDeadline();

    /// <summary>The error a task ends with, or null.</summary>
    public static async Task<Exception?> ErrorAsync(this Task task)
    {
        try
        {
            await task.WithinDeadline();
            return null;
        }
        catch (Exception error)
        {
            return error;
        }
    }
}
