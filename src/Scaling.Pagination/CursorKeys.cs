using System.Security.Cryptography;

namespace Scaling.Pagination;

/// <summary>The secrets that sign cursors (HMAC-SHA256, RFC 2104, cut to 16 bytes): the first signs, all of them verify.</summary>
/// <remarks>
/// Signing keeps callers from making cursors of their own. It hides nothing: a cursor shows its key values to whoever
/// decodes it. To rotate, put the new key first and keep the old one for as long as a client may hold a cursor.
/// Thread-safe.
/// </remarks>
public sealed class CursorKeys
{
    internal const int SignatureLength = 16;
    private const int MinKeyLength = 32; // RFC 2104 §3: shorter than the hash weakens it

    private readonly byte[][] _keys;

    /// <summary>Takes the keys, the signing one first.</summary>
    /// <param name="current">Signs and verifies; at least 32 random bytes.</param>
    /// <param name="previous">Verify only; at least 32 bytes each.</param>
    /// <exception cref="ArgumentException">A key is shorter than 32 bytes.</exception>
    public CursorKeys(byte[] current, params IEnumerable<byte[]> previous)
    {
        ArgumentNullException.ThrowIfNull(current);
        ArgumentNullException.ThrowIfNull(previous);
        _keys = [current.ToArray(), .. previous.Select(key => key.ToArray())];
        if (Array.Find(_keys, key => key.Length < MinKeyLength) is { } weak)
        {
            throw new ArgumentException($"A signing key has {weak.Length} bytes and needs {MinKeyLength}: RandomNumberGenerator.GetBytes({MinKeyLength}).", nameof(current));
        }
    }

    internal void Sign(ReadOnlySpan<byte> content, Span<byte> signature) => Sign(_keys[0], content, signature);

    internal bool Verify(ReadOnlySpan<byte> content, ReadOnlySpan<byte> signature)
    {
        Span<byte> expected = stackalloc byte[SignatureLength];
        foreach (byte[] key in _keys)
        {
            Sign(key, content, expected);
            if (CryptographicOperations.FixedTimeEquals(expected, signature))
            {
                return true;
            }
        }
        return false;
    }

    private static void Sign(byte[] key, ReadOnlySpan<byte> content, Span<byte> signature)
    {
        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(key, content, hash);
        hash[..SignatureLength].CopyTo(signature);
    }
}
