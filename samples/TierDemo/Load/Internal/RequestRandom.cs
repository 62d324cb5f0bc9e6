namespace TierDemo.Load.Internal;

/// <summary>SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014), begun at (seed, k): request k draws the same numbers in every run, whichever connection sends it.</summary>
internal struct RequestRandom(ulong seed, long ordinal)
{
    private ulong _state = Mix(seed + 0x9E3779B97F4A7C15UL * ((ulong)ordinal + 1));

    /// <summary>Uniform over [low, high].</summary>
    public long Next(long low, long high)
    {
        _state += 0x9E3779B97F4A7C15UL;
        return low + (long)Math.BigMul(Mix(_state), (ulong)(high - low) + 1, out _);
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }
}
