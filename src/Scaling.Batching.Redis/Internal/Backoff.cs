namespace Scaling.Batching.Redis.Internal;

/// <summary>Pauses that double from one failure to the next, up to two seconds.</summary>
internal sealed class Backoff(TimeSpan first)
{
    private static readonly TimeSpan s_longest = TimeSpan.FromSeconds(2);

    private int _doublings;

    public bool IsReset => _doublings == 0;

    public TimeSpan Next()
    {
        TimeSpan pause = first * Math.Pow(2, Math.Min(_doublings++, 20));
        return pause < s_longest ? pause : s_longest;
    }

    public void Reset() => _doublings = 0;
}
