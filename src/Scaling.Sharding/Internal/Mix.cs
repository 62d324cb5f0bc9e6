namespace Scaling.Sharding.Internal;

/// <summary>Stafford's 13th variant of the MurmurHash3 finalizer, as in SplitMix64: each input bit changes each output bit about half the time.</summary>
internal static class Mix
{
    public static ulong Of(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
        value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
        return value ^ (value >> 31);
    }
}
