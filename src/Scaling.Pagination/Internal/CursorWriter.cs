using System.Buffers.Binary;
using System.Text;

namespace Scaling.Pagination.Internal;

/// <summary>Writes key values into a fixed buffer: the buffer's length is the cap on a cursor's.</summary>
internal ref struct CursorWriter(Span<byte> buffer)
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private readonly Span<byte> _buffer = buffer;

    public int Length { get; private set; }

    public readonly ReadOnlySpan<byte> Written => _buffer[..Length];

    public void Truncate(int length) => Length = length;

    public Span<byte> Reserve(int count)
    {
        if (count > _buffer.Length - Length)
        {
            throw new InvalidOperationException($"The key of this row does not fit into a cursor ({CursorFormat.MaxBytes} bytes): page by a shorter column, such as a hash or a prefix of it.");
        }
        Span<byte> span = _buffer.Slice(Length, count);
        Length += count;
        return span;
    }

    public void Byte(byte value) => Reserve(1)[0] = value;

    public void Fixed64(ulong value) => BinaryPrimitives.WriteUInt64BigEndian(Reserve(8), value);

    public void Fixed32(uint value) => BinaryPrimitives.WriteUInt32BigEndian(Reserve(4), value);

    public void Varint(ulong value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            Byte((byte)(value | 0x80));
        }
        Byte((byte)value);
    }

    public void Signed(long value) => Varint((ulong)(value << 1) ^ (ulong)(value >> 63)); // zigzag: small either way is short

    public void Bytes(ReadOnlySpan<byte> value)
    {
        Varint((ulong)value.Length);
        value.CopyTo(Reserve(value.Length));
    }

    /// <summary>Refuses lone surrogates and U+0000: no Postgres text holds them, and replaced they would point elsewhere.</summary>
    public void Text(string value)
    {
        if (value.Contains('\0'))
        {
            throw new InvalidOperationException("A key text with U+0000 cannot go into a cursor: Postgres text never holds it.");
        }
        try
        {
            int length = StrictUtf8.GetByteCount(value);
            Varint((ulong)length);
            StrictUtf8.GetBytes(value, Reserve(length));
        }
        catch (EncoderFallbackException e)
        {
            throw new InvalidOperationException("A key text with a lone surrogate cannot go into a cursor: Postgres text never holds it.", e);
        }
    }
}
