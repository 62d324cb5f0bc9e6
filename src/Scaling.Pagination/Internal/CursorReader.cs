using System.Buffers.Binary;
using System.Text;

namespace Scaling.Pagination.Internal;

/// <summary>Reads what <see cref="CursorWriter"/> wrote; whatever else it meets is a malformed cursor.</summary>
internal ref struct CursorReader(ReadOnlySpan<byte> bytes)
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private ReadOnlySpan<byte> _rest = bytes;

    public readonly bool AtEnd => _rest.IsEmpty;

    public static InvalidCursorException Malformed(Exception? inner = null) => new(InvalidCursorReason.Malformed, inner);

    public ReadOnlySpan<byte> Take(int count)
    {
        if (count > _rest.Length)
        {
            throw Malformed();
        }
        ReadOnlySpan<byte> taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }

    public byte Byte() => Take(1)[0];

    public bool Flag() => Byte() switch { 0 => false, 1 => true, _ => throw Malformed() };

    public ulong Fixed64() => BinaryPrimitives.ReadUInt64BigEndian(Take(8));

    public uint Fixed32() => BinaryPrimitives.ReadUInt32BigEndian(Take(4));

    public ulong Varint()
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            byte next = Byte();
            if (shift == 63 && next > 1)
            {
                break; // a 65th bit
            }
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return next == 0 && shift > 0 ? throw Malformed() : value; // one spelling per number
            }
        }
        throw Malformed();
    }

    public long Signed()
    {
        ulong zigzag = Varint();
        return (long)(zigzag >> 1) ^ -(long)(zigzag & 1);
    }

    public ReadOnlySpan<byte> Bytes()
    {
        ulong length = Varint();
        return length > (ulong)_rest.Length ? throw Malformed() : Take((int)length);
    }

    public string Text()
    {
        ReadOnlySpan<byte> utf8 = Bytes();
        if (utf8.Contains((byte)0))
        {
            throw Malformed();
        }
        try
        {
            return StrictUtf8.GetString(utf8);
        }
        catch (DecoderFallbackException e)
        {
            throw Malformed(e);
        }
    }
}
