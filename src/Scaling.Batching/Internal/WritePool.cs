namespace Scaling.Batching.Internal;

/// <summary>A few writes for reuse on each thread: a caller usually makes its next write on the thread that gave it the last result.</summary>
internal static class WritePool<TItem, TResult>
{
    private const int PerThread = 128;

    [ThreadStatic]
    private static PendingWrite<TItem, TResult>? t_first;

    [ThreadStatic]
    private static int t_count;

    public static PendingWrite<TItem, TResult> Rent()
    {
        PendingWrite<TItem, TResult>? write = t_first;
        if (write is null)
        {
            return new();
        }

        t_first = write.NextInPool;
        t_count--;
        write.NextInPool = null;
        return write;
    }

    public static void Return(PendingWrite<TItem, TResult> write)
    {
        if (t_count < PerThread)
        {
            write.NextInPool = t_first;
            t_first = write;
            t_count++;
        }
    }
}
