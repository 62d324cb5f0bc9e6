using System.Numerics;

namespace Scaling.Pagination.Internal;

/// <summary>The types a key column can have.</summary>
internal static class Codecs
{
    private static readonly Dictionary<Type, object> Table = new()
    {
        [typeof(string)] = new TextCodec(),
        [typeof(byte[])] = new ByteaCodec(),
    };

    static Codecs()
    {
        Add(new BooleanCodec());
        Add(new Int16Codec());
        Add(new Int32Codec());
        Add(new Int64Codec());
        Add(new SingleCodec());
        Add(new DoubleCodec());
        Add(new DecimalCodec());
        Add(new BigIntegerCodec());
        Add(new GuidCodec());
        Add(new DateTimeCodec());
        Add(new DateTimeOffsetCodec());
        Add(new DateOnlyCodec());
        Add(new TimeOnlyCodec());
        Add(new TimeSpanCodec());
    }

    public static ValueCodec<TValue> For<TValue>(string column) =>
        Table.TryGetValue(typeof(TValue), out object? codec)
            ? (ValueCodec<TValue>)codec
            : throw new ArgumentException(
                $"Column '{column}' is a {typeof(TValue)}, which no cursor can carry. Page by one of: {string.Join(", ", Table.Keys.Where(type => Nullable.GetUnderlyingType(type) is null).Select(type => type.Name))}; "
                + "an enum as its number ((int)x.Status), anything else as text with the column's type (type: \"numeric\").");

    private static void Add<TValue>(ValueCodec<TValue> codec)
        where TValue : struct
    {
        Table.Add(typeof(TValue), codec);
        Table.Add(typeof(TValue?), new NullableCodec<TValue>(codec));
    }

    private sealed class BooleanCodec() : ValueCodec<bool>("bool")
    {
        public override void Write(ref CursorWriter writer, bool value) => writer.Byte(value ? (byte)1 : (byte)0);

        public override bool Read(ref CursorReader reader) => reader.Flag();
    }

    private sealed class Int16Codec() : ValueCodec<short>("int2")
    {
        public override void Write(ref CursorWriter writer, short value) => writer.Signed(value);

        public override short Read(ref CursorReader reader) => reader.Signed() is >= short.MinValue and <= short.MaxValue and var value ? (short)value : throw CursorReader.Malformed();
    }

    private sealed class Int32Codec() : ValueCodec<int>("int4")
    {
        public override void Write(ref CursorWriter writer, int value) => writer.Signed(value);

        public override int Read(ref CursorReader reader) => reader.Signed() is >= int.MinValue and <= int.MaxValue and var value ? (int)value : throw CursorReader.Malformed();
    }

    private sealed class Int64Codec() : ValueCodec<long>("int8")
    {
        public override void Write(ref CursorWriter writer, long value) => writer.Signed(value);

        public override long Read(ref CursorReader reader) => reader.Signed();
    }

    // Bits, not values: NaN, the infinities and -0 come back as they went.
    private sealed class SingleCodec() : ValueCodec<float>("float4")
    {
        public override void Write(ref CursorWriter writer, float value) => writer.Fixed32(BitConverter.SingleToUInt32Bits(value));

        public override float Read(ref CursorReader reader) => BitConverter.UInt32BitsToSingle(reader.Fixed32());
    }

    private sealed class DoubleCodec() : ValueCodec<double>("float8")
    {
        public override void Write(ref CursorWriter writer, double value) => writer.Fixed64(BitConverter.DoubleToUInt64Bits(value));

        public override double Read(ref CursorReader reader) => BitConverter.UInt64BitsToDouble(reader.Fixed64());
    }

    private sealed class DecimalCodec() : ValueCodec<decimal>("numeric")
    {
        public override void Write(ref CursorWriter writer, decimal value)
        {
            Span<int> bits = stackalloc int[4];
            decimal.GetBits(value, bits);
            foreach (int part in bits)
            {
                writer.Fixed32((uint)part);
            }
        }

        public override decimal Read(ref CursorReader reader)
        {
            ReadOnlySpan<int> bits = [(int)reader.Fixed32(), (int)reader.Fixed32(), (int)reader.Fixed32(), (int)reader.Fixed32()];
            try
            {
                return new decimal(bits);
            }
            catch (ArgumentException e)
            {
                throw CursorReader.Malformed(e);
            }
        }
    }

    private sealed class BigIntegerCodec() : ValueCodec<BigInteger>("numeric0")
    {
        public override void Write(ref CursorWriter writer, BigInteger value) => writer.Bytes(value.ToByteArray());

        public override BigInteger Read(ref CursorReader reader) => new(reader.Bytes());
    }

    private sealed class GuidCodec() : ValueCodec<Guid>("uuid")
    {
        public override void Write(ref CursorWriter writer, Guid value) => value.TryWriteBytes(writer.Reserve(16), bigEndian: true, out _);

        public override Guid Read(ref CursorReader reader) => new(reader.Take(16), bigEndian: true);
    }

    private sealed class TextCodec() : ValueCodec<string>("text")
    {
        public override void Write(ref CursorWriter writer, string value) => writer.Text(value);

        public override string Read(ref CursorReader reader) => reader.Text();
    }

    private sealed class ByteaCodec() : ValueCodec<byte[]>("bytea")
    {
        public override void Write(ref CursorWriter writer, byte[] value) => writer.Bytes(value);

        public override byte[] Read(ref CursorReader reader) => reader.Bytes().ToArray();
    }
}
