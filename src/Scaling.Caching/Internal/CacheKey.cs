using System.Security.Cryptography;
using System.Runtime.InteropServices;

namespace Scaling.Caching.Internal;

/// <summary>
/// One rule for every key and tag, whatever it contains and whatever is done with it: short well-formed text stands for itself, the rest for its hash.
/// </summary>
internal static class CacheKey
{
    private const int MaxLength = 1024;
    private const char Hashed = '\u0001';

    public static string Normalize(string key) =>
        key.Length <= MaxLength && !key.StartsWith(Hashed) && !HasLoneSurrogate(key)
            ? key
            : Hashed + Convert.ToHexString(SHA256.HashData(MemoryMarshal.AsBytes(key.AsSpan())));

    private static bool HasLoneSurrogate(ReadOnlySpan<char> text)
    {
        int first = text.IndexOfAnyInRange('\uD800', '\uDFFF');
        if (first < 0)
        {
            return false;
        }

        for (int i = first; i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i]))
            {
                continue;
            }

            if (i + 1 == text.Length || !char.IsSurrogatePair(text[i], text[i + 1]))
            {
                return true;
            }

            i++;
        }

        return false;
    }
}
