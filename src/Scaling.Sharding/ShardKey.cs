using System.Buffers;
using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.CompilerServices;
using System.Text;
using Scaling.Sharding.Internal;

namespace Scaling.Sharding;

/// <summary>What a row is routed by: the stable 64-bit hash of a user id, a tenant name, a Guid or raw bytes.</summary>
/// <remarks>
/// The hash is XxHash3 (seed 0) of a fixed encoding, so the same value gives the same key in every process, on every
/// platform and in every release: a <see cref="string"/> is hashed as UTF-8, a <see cref="long"/> as 8 bytes little-endian,
/// a <see cref="Guid"/> as its 16 bytes in network order (RFC 9562), bytes as they are. An <see cref="int"/> widens to a
/// <see cref="long"/> first, so both route alike; the text "42" and the number 42 are different keys. Nothing is allocated.
/// </remarks>
public readonly struct ShardKey
{
    private const int StackLimit = 256;

    /// <summary>Wraps a hash that was computed elsewhere; every one of its 64 bits should be well mixed.</summary>
    /// <param name="hash">The 64-bit hash.</param>
    public ShardKey(ulong hash) => Hash = hash;

    private ShardKey(ulong hash, string text) => (Hash, Text) = (hash, text);

    /// <summary>The hash that the maps route by.</summary>
    public ulong Hash { get; }

    /// <summary>The text the key was made from, if it was: a map that is compatible with a foreign hash needs it.</summary>
    internal string? Text { get; }

    /// <summary>Hashes the UTF-8 form of <paramref name="value"/>.</summary>
    /// <param name="value">The text; not null.</param>
    /// <exception cref="ArgumentNullException"><paramref name="value"/> is null.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)] // a route then keeps the key in registers
    public static implicit operator ShardKey(string value) => new(HashOf(value), value);

    /// <summary>Hashes the 8 bytes of <paramref name="value"/>, little-endian.</summary>
    /// <param name="value">The number.</param>
    public static implicit operator ShardKey(long value) => new(ShortHash.Of8Bytes((ulong)value));

    /// <summary>Hashes the 16 bytes of <paramref name="value"/> in network order.</summary>
    /// <param name="value">The identifier.</param>
    public static implicit operator ShardKey(Guid value)
    {
        Span<byte> bytes = stackalloc byte[16];
        value.TryWriteBytes(bytes, bigEndian: true, out _);
        return new ShardKey(ShortHash.Of9To16Bytes(BinaryPrimitives.ReadUInt64LittleEndian(bytes), BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]), bytes.Length));
    }

    /// <summary>Hashes <paramref name="value"/> as it is.</summary>
    /// <param name="value">The bytes.</param>
    public static implicit operator ShardKey(ReadOnlySpan<byte> value) => new(XxHash3.HashToUInt64(value));

    /// <summary>The hash in hexadecimal, for logs.</summary>
    /// <returns>Sixteen hexadecimal digits.</returns>
    public override string ToString() => Hash.ToString("x16", null);

    private static ulong HashOf(string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        return ShortHash.TryOfAscii(value, out ulong hash) ? hash : HashOfUtf8(value);
    }

    private static ulong HashOfUtf8(string value)
    {
        int limit = Encoding.UTF8.GetMaxByteCount(value.Length);
        return limit <= StackLimit ? HashOnStack(value) : HashRented(value, limit);
    }

    [SkipLocalsInit]
    private static ulong HashOnStack(string value)
    {
        Span<byte> utf8 = stackalloc byte[StackLimit];
        int length = Encoding.UTF8.GetBytes(value, utf8);
        return XxHash3.HashToUInt64(utf8[..length]);
    }

    private static ulong HashRented(string value, int limit)
    {
        byte[] utf8 = ArrayPool<byte>.Shared.Rent(limit);
        int length = Encoding.UTF8.GetBytes(value, utf8);
        ulong hash = XxHash3.HashToUInt64(utf8.AsSpan(0, length));
        ArrayPool<byte>.Shared.Return(utf8);
        return hash;
    }
}
