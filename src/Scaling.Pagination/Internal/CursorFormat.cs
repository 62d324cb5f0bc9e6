using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.IO.Hashing;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Text;

namespace Scaling.Pagination.Internal;

/// <summary>The envelope of a cursor: header (version, flags), fingerprint, key values, seal; all of it in Base64Url.</summary>
/// <remarks>
/// The seal is a CRC-32C (Castagnoli; one instruction per 8 bytes), which sees every change of up to 32 neighbouring bits, or an HMAC. It covers the whole 64-bit
/// fingerprint, of which the cursor shows half. There is one spelling per cursor: padding, white space and stray bits,
/// which Base64 decoders forgive, are refused.
/// </remarks>
internal static class CursorFormat
{
    public const int MaxBytes = 1536;
    public const int MaxChars = MaxBytes / 3 * 4;
    private const byte Version = 1;
    private const byte SignedFlag = 0x80;
    private const byte InclusiveFlag = 0x40;
    private const int HeaderLength = 5;
    private const int CrcLength = 4;

    public static ulong FingerprintOf(IEnumerable<string> columns) => XxHash3.HashToUInt64(Encoding.UTF8.GetBytes(string.Join('\u0001', columns)));

    public static ulong Scoped(ulong fingerprint, string? scope) =>
        scope is null ? fingerprint : XxHash3.HashToUInt64(MemoryMarshal.AsBytes(scope.AsSpan()), seed: (long)fingerprint);

    public static void WriteHeader(ref CursorWriter writer, ulong fingerprint, bool signed, bool inclusive)
    {
        writer.Byte((byte)(Version | (signed ? SignedFlag : 0) | (inclusive ? InclusiveFlag : 0)));
        writer.Fixed32((uint)fingerprint);
    }

    public static string Seal(ref CursorWriter writer, ulong fingerprint, CursorKeys? keys)
    {
        // The fingerprint goes in under the seal and the seal is written over it.
        int content = writer.Length;
        writer.Fixed64(fingerprint);
        Span<byte> seal = stackalloc byte[CursorKeys.SignatureLength];
        seal = Compute(writer.Written, keys, seal);
        writer.Truncate(content);
        seal.CopyTo(writer.Reserve(seal.Length));
        return Base64Url.EncodeToString(writer.Written);
    }

    /// <summary>Checks everything but the values, and returns them.</summary>
    /// <param name="cursor">The text.</param>
    /// <param name="buffer">At least <see cref="MaxBytes"/> + 8 long; the values are a part of it.</param>
    /// <param name="fingerprint">What this keyset and scope expect.</param>
    /// <param name="keys">Null: a checksum is enough.</param>
    /// <param name="inclusive">Whether the position itself is meant.</param>
    public static ReadOnlySpan<byte> Open(string cursor, Span<byte> buffer, ulong fingerprint, CursorKeys? keys, out bool inclusive)
    {
        if (cursor.Length > MaxChars)
        {
            throw new InvalidCursorException(InvalidCursorReason.TooLong);
        }
        Span<byte> bytes = buffer[..DecodeStrictly(cursor, buffer)];
        if (bytes.Length < HeaderLength + CrcLength)
        {
            throw CursorReader.Malformed();
        }
        byte header = bytes[0];
        if ((header & ~(SignedFlag | InclusiveFlag)) != Version)
        {
            throw new InvalidCursorException(InvalidCursorReason.UnknownVersion);
        }
        inclusive = (header & InclusiveFlag) != 0;
        var reader = new CursorReader(bytes[1..HeaderLength]);
        if (reader.Fixed32() != (uint)fingerprint)
        {
            throw new InvalidCursorException(InvalidCursorReason.WrongKeyset);
        }
        bool signed = (header & SignedFlag) != 0;
        if (signed != keys is not null)
        {
            throw new InvalidCursorException(InvalidCursorReason.BadSignature);
        }
        int end = bytes.Length - (signed ? CursorKeys.SignatureLength : CrcLength);
        if (end < HeaderLength)
        {
            throw CursorReader.Malformed();
        }
        Verify(buffer, end, bytes.Length, fingerprint, keys);
        return buffer[HeaderLength..end];
    }

    private static void Verify(Span<byte> buffer, int end, int length, ulong fingerprint, CursorKeys? keys)
    {
        Span<byte> seal = stackalloc byte[CursorKeys.SignatureLength];
        buffer[end..length].CopyTo(seal);
        seal = seal[..(length - end)];
        BinaryPrimitives.WriteUInt64BigEndian(buffer[end..], fingerprint);
        ReadOnlySpan<byte> content = buffer[..(end + sizeof(ulong))];
        if (keys is not null)
        {
            if (!keys.Verify(content, seal))
            {
                throw new InvalidCursorException(InvalidCursorReason.BadSignature);
            }
        }
        else if (!seal.SequenceEqual(Compute(content, null, stackalloc byte[CrcLength])))
        {
            throw new InvalidCursorException(InvalidCursorReason.Damaged);
        }
    }

    private static Span<byte> Compute(ReadOnlySpan<byte> content, CursorKeys? keys, Span<byte> seal)
    {
        if (keys is not null)
        {
            keys.Sign(content, seal);
            return seal;
        }
        BinaryPrimitives.WriteUInt32BigEndian(seal, Crc32C(content));
        return seal[..CrcLength];
    }

    private static uint Crc32C(ReadOnlySpan<byte> content)
    {
        uint crc = uint.MaxValue;
        for (; content.Length >= sizeof(ulong); content = content[sizeof(ulong)..])
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(content));
        }
        foreach (byte rest in content)
        {
            crc = BitOperations.Crc32C(crc, rest);
        }
        return ~crc;
    }

    // What the decoder skips makes the text longer than its bytes need; stray bits it refuses by itself.
    private static int DecodeStrictly(string cursor, Span<byte> bytes) =>
        Base64Url.DecodeFromChars(cursor, bytes, out _, out int length) == OperationStatus.Done // TryDecodeFromChars throws FormatException
        && Base64Url.GetEncodedLength(length) == cursor.Length
            ? length
            : throw CursorReader.Malformed();
}
