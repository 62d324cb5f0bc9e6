using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Scaling.Sharding.Internal;

/// <summary>XxHash3 (64 bit, seed 0) of 8 bytes, of 16 bytes and of a short ASCII text, bit for bit that of System.IO.Hashing.</summary>
/// <remarks>
/// That one takes a span of any length: for a number it spends more on finding out the length than on the hash, it cannot be inlined into
/// a route, and it wants a text to be written out as UTF-8 first. The branches of the published specification for 8 to 16 bytes
/// (github.com/Cyan4973/xxHash, doc/xxhash_spec.md, "XXH3: small inputs") are all that is here.
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

    /// <param name="first">The first 8 bytes, little-endian.</param>
    /// <param name="last">The last 8 bytes; with fewer than 16 in all, they overlap the first.</param>
    /// <param name="length">9 to 16.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Of9To16Bytes(ulong first, ulong last, int length)
    {
        unchecked
        {
            ulong low = first ^ Secret24 ^ Secret32;
            ulong high = last ^ Secret40 ^ Secret48;
            ulong upper = Math.BigMul(low, high, out ulong lower);
            ulong hash = (ulong)length + BinaryPrimitives.ReverseEndianness(low) + high + (upper ^ lower);
            hash ^= hash >> 37;
            hash *= 0x165667919e3779f9;
            return hash ^ (hash >> 32);
        }
    }

    /// <summary>Hashes a text of 8 to 16 ASCII characters, whose UTF-8 form is its characters without their upper bytes.</summary>
    /// <returns><see langword="false"/>: the text is shorter, longer or not ASCII; the caller writes it out as UTF-8.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryOfAscii(string text, out ulong hash)
    {
        if (BitConverter.IsLittleEndian && text.Length is >= 8 and <= 16)
        {
            ref ushort start = ref Unsafe.As<char, ushort>(ref MemoryMarshal.GetReference(text.AsSpan()));
            Vector128<ushort> first = Vector128.LoadUnsafe(ref start);
            Vector128<ushort> last = Vector128.LoadUnsafe(ref start, (nuint)text.Length - 8);
            if (((first | last) & Vector128.Create((ushort)0xff80)) == Vector128<ushort>.Zero)
            {
                Vector128<ulong> bytes = Vector128.Narrow(first, last).AsUInt64();
                hash = text.Length == 8 ? Of8Bytes(bytes[0]) : Of9To16Bytes(bytes[0], bytes[1], text.Length);
                return true;
            }
        }

        hash = 0;
        return false;
    }
}
