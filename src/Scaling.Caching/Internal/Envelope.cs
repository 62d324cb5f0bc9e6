using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;

namespace Scaling.Caching.Internal;

/// <summary>What is known of a value beside its bytes. Times are in milliseconds except <see cref="LoadMicroseconds"/>.</summary>
internal readonly record struct EnvelopeHeader(
    long Stamp, bool IsNull, uint TypeMark, long Life, long Stale, long CreatedUnix, long LoadMicroseconds, long Epoch, TagStamp[] Tags, int PayloadOffset);

/// <summary>A tag and the random stamp it bore when the value's load began.</summary>
internal readonly record struct TagStamp(string Tag, long Stamp);

/// <summary>
/// The bytes of an entry in L2: a lease (someone is loading), a void (it was invalidated; serves as a lease too) or a value.
/// <code>
/// 0 magic 0xCA · 1 version · 2 kind (0 lease, 1 value, 2 null, 3 void) · 3 tag count · 4 stamp (8)                           ← a lease or void ends here
/// 12 type mark (4) · 16 life · 24 stale · 32 created · 40 load time · 48 epoch (8 each) · 56 payload length (4) · 60 checksum (8)
/// 68 per tag: stamp (8), length (2), UTF-8 · then the payload
/// </code>
/// Little-endian. The stamp is random and new with every write: it names one state of the key, and a write says which state it replaces.
/// </summary>
internal static class Envelope
{
    public const int StampOffset = 4;
    public const int StampLength = 8;
    public const int LeaseLength = StampOffset + StampLength;
    private const int FixedLength = 68;
    private const byte Magic = 0xCA;
    private const byte Version = 1;
    private const byte LeaseKind = 0;
    private const byte ValueKind = 1;
    private const byte NullKind = 2;
    private const byte VoidKind = 3;

    public static long NewStamp()
    {
        long stamp;
        do
        {
            stamp = Random.Shared.NextInt64(long.MinValue, long.MaxValue);
        }
        while (stamp == 0);
        return stamp;
    }

    public static byte[] Lease(long stamp) => Start(LeaseKind, stamp);

    public static byte[] Void(long stamp) => Start(VoidKind, stamp);

    public static int HeaderLength(ReadOnlySpan<TagStamp> tags)
    {
        int length = FixedLength;
        foreach (TagStamp tag in tags)
        {
            length += 8 + 2 + Encoding.UTF8.GetByteCount(tag.Tag);
        }

        return length;
    }

    /// <summary>Writes the header in front of a payload that already lies at <see cref="HeaderLength"/>.</summary>
    public static void WriteHeader(Span<byte> envelope, in EnvelopeHeader header)
    {
        WriteStart(envelope, header.IsNull ? NullKind : ValueKind, checked((byte)header.Tags.Length), header.Stamp);
        BinaryPrimitives.WriteUInt32LittleEndian(envelope[12..], header.TypeMark);
        BinaryPrimitives.WriteInt64LittleEndian(envelope[16..], header.Life);
        BinaryPrimitives.WriteInt64LittleEndian(envelope[24..], header.Stale);
        BinaryPrimitives.WriteInt64LittleEndian(envelope[32..], header.CreatedUnix);
        BinaryPrimitives.WriteInt64LittleEndian(envelope[40..], header.LoadMicroseconds);
        BinaryPrimitives.WriteInt64LittleEndian(envelope[48..], header.Epoch);
        BinaryPrimitives.WriteInt32LittleEndian(envelope[56..], envelope.Length - header.PayloadOffset);
        int at = FixedLength;
        foreach (TagStamp tag in header.Tags)
        {
            BinaryPrimitives.WriteInt64LittleEndian(envelope[at..], tag.Stamp);
            int length = Encoding.UTF8.GetBytes(tag.Tag, envelope[(at + 10)..]);
            BinaryPrimitives.WriteUInt16LittleEndian(envelope[(at + 8)..], checked((ushort)length));
            at += 10 + length;
        }

        BinaryPrimitives.WriteUInt64LittleEndian(envelope[60..], Checksum(envelope));
    }

    /// <summary>True for a lease and for a void.</summary>
    public static bool IsLease(ReadOnlySpan<byte> bytes) =>
        bytes.Length == LeaseLength && bytes[0] == Magic && bytes[1] == Version && bytes[2] is (LeaseKind or VoidKind);

    public static bool IsVoid(ReadOnlySpan<byte> bytes) => IsLease(bytes) && bytes[2] == VoidKind;

    /// <summary>The stamp of a lease or a value; meaningless for foreign bytes, so ask <see cref="IsLease"/> or <see cref="TryReadHeader"/> first.</summary>
    public static long StampOf(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadInt64LittleEndian(bytes[StampOffset..]);

    /// <summary>False for anything that is not a whole, undamaged value of this version.</summary>
    public static bool TryReadHeader(ReadOnlySpan<byte> bytes, out EnvelopeHeader header)
    {
        header = default;
        if (bytes.Length < FixedLength || bytes[0] != Magic || bytes[1] != Version || bytes[2] is not (ValueKind or NullKind))
        {
            return false;
        }

        var tags = bytes[3] == 0 ? [] : new TagStamp[bytes[3]];
        int at = FixedLength;
        for (int i = 0; i < tags.Length; i++)
        {
            if (bytes.Length < at + 10)
            {
                return false;
            }

            int length = BinaryPrimitives.ReadUInt16LittleEndian(bytes[(at + 8)..]);
            if (bytes.Length < at + 10 + length)
            {
                return false;
            }

            tags[i] = new TagStamp(Encoding.UTF8.GetString(bytes.Slice(at + 10, length)), BinaryPrimitives.ReadInt64LittleEndian(bytes[at..]));
            at += 10 + length;
        }

        if (BinaryPrimitives.ReadInt32LittleEndian(bytes[56..]) != bytes.Length - at || BinaryPrimitives.ReadUInt64LittleEndian(bytes[60..]) != Checksum(bytes))
        {
            return false;
        }

        header = new EnvelopeHeader(
            StampOf(bytes),
            bytes[2] == NullKind,
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[16..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[24..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[32..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[40..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[48..]),
            tags,
            at);
        return true;
    }

    private static byte[] Start(byte kind, long stamp)
    {
        var bytes = new byte[LeaseLength];
        WriteStart(bytes, kind, tagCount: 0, stamp);
        return bytes;
    }

    private static void WriteStart(Span<byte> bytes, byte kind, byte tagCount, long stamp)
    {
        bytes[0] = Magic;
        bytes[1] = Version;
        bytes[2] = kind;
        bytes[3] = tagCount;
        BinaryPrimitives.WriteInt64LittleEndian(bytes[StampOffset..], stamp);
    }

    // everything but the checksum itself
    private static ulong Checksum(ReadOnlySpan<byte> bytes) =>
        XxHash3.HashToUInt64(bytes[FixedLength..], unchecked((long)XxHash3.HashToUInt64(bytes[..60])));
}
