using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Scaling.Sharding.Internal;

/// <summary>XxHash3 (64 bit, seed 0) of exactly 8 and exactly 16 bytes, bit for bit that of System.IO.Hashing.</summary>
/// <remarks>
/// That one takes a span of any length: for a number it spends more on finding out the length than on the hash, and it cannot be inlined into
/// a route. The two branches of the published specification (github.com/Cyan4973/xxHash, doc/xxhash_spec.md, "XXH3: small inputs") are all that is here.
/// </remarks>
internal static class ShortHash
{
    // words of the default secret, read little-endian at byte 8, 16, 24, 32, 40 and 48
    private const ulong Secret8 = 0x1cad21f72c81017c;
    private const ulong Secret16 = 0xdb979083e96dd4de;
    private const ulong Secret24 = 0x1f67b3b7a4a44072;
    private const ulong Secret32 = 0x78e5c0cc4ee679cb;
    private const ulong Secret40 = 0x2172ffcc7dd05a82;
    private const ulong Secret48 = 0x8e2443f7744608b8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Of8Bytes(ulong littleEndian)
    {
        unchecked
        {
            ulong hash = BitOperations.RotateLeft(littleEndian, 32) ^ Secret8 ^ Secret16;
            hash ^= BitOperations.RotateLeft(hash, 49) ^ BitOperations.RotateLeft(hash, 24);
            hash *= 0x9fb21c651e98df25;
            hash ^= (hash >> 35) + sizeof(ulong);
            hash *= 0x9fb21c651e98df25;
            return hash ^ (hash >> 28);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Of16Bytes(ulong first, ulong second)
    {
        unchecked
        {
            ulong low = first ^ Secret24 ^ Secret32;
            ulong high = second ^ Secret40 ^ Secret48;
            ulong upper = Math.BigMul(low, high, out ulong lower);
            ulong hash = 16 + BinaryPrimitives.ReverseEndianness(low) + high + (upper ^ lower);
            hash ^= hash >> 37;
            hash *= 0x165667919e3779f9;
            return hash ^ (hash >> 32);
        }
    }
}
