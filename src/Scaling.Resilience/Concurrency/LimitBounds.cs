namespace Scaling.Resilience;

internal static class LimitBounds
{
    public static int Check(int initial, int max)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(initial, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(max, initial);
        return max;
    }
}
