namespace Scaling.Sharding.Internal;

/// <summary>Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm" (2014).</summary>
internal static class JumpHash
{
    public static int Bucket(ulong key, int buckets)
    {
        long bucket = -1;
        long next = 0;
        while (next < buckets)
        {
            bucket = next;
            key = unchecked((key * 2862933555777941757) + 1);
            next = (long)((bucket + 1) * ((double)(1L << 31) / ((key >> 33) + 1)));
        }

        return (int)bucket;
    }
}
