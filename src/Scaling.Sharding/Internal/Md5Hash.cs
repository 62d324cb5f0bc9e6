using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace Scaling.Sharding.Internal;

/// <summary>The four 32-bit numbers that libketama reads from an MD5.</summary>
internal static class Md5Hash
{
    private const int StackLimit = 512;

    /// <summary>The first number: the position of a key.</summary>
    public static uint OfKey(string key)
    {
        Span<byte> digest = stackalloc byte[MD5.HashSizeInBytes];
        Digest(key, digest);
        return BinaryPrimitives.ReadUInt32LittleEndian(digest);
    }

    /// <summary>All four: the positions of a part of a server.</summary>
    public static void OfPoint(string label, Span<uint> points)
    {
        Span<byte> digest = stackalloc byte[MD5.HashSizeInBytes];
        Digest(label, digest);
        for (int i = 0; i < 4; i++)
        {
            points[i] = BinaryPrimitives.ReadUInt32LittleEndian(digest[(4 * i)..]);
        }
    }

    [SuppressMessage("Security", "CA5351", Justification = "MD5 spreads keys here as libketama defines it; nothing is kept secret by it.")]
    private static void Digest(string text, Span<byte> digest)
    {
        Span<byte> utf8 = Encoding.UTF8.GetMaxByteCount(text.Length) <= StackLimit ? stackalloc byte[StackLimit] : new byte[Encoding.UTF8.GetByteCount(text)];
        MD5.HashData(utf8[..Encoding.UTF8.GetBytes(text, utf8)], digest);
    }
}
