using System.Globalization;

namespace Scaling.Pagination.Internal;

// A cursor keeps every tick (100 ns). Postgres keeps microseconds, and a parameter cut to them points at another row:
// ascending it serves rows twice, descending it loses them. So such a value is refused when it is to become a parameter.
internal static class Microseconds
{
    public static void EnsureWhole(long ticks, string value)
    {
        if (ticks % TimeSpan.TicksPerMicrosecond != 0)
        {
            throw new InvalidOperationException($"The key {value} has a fraction of a microsecond, which Postgres cannot hold: make the cursor from a row as Postgres returned it.");
        }
    }
}

internal sealed class DateTimeCodec() : ValueCodec<DateTime>("datetime")
{
    private const int KindShift = 62; // ticks need 62 bits

    public override void Write(ref CursorWriter writer, DateTime value) => writer.Fixed64((ulong)value.Ticks | ((ulong)value.Kind << KindShift));

    public override DateTime Read(ref CursorReader reader)
    {
        ulong bits = reader.Fixed64();
        long ticks = (long)(bits & ((1UL << KindShift) - 1));
        DateTimeKind kind = (DateTimeKind)(bits >> KindShift);
        return ticks <= DateTime.MaxValue.Ticks && kind <= DateTimeKind.Local ? new DateTime(ticks, kind) : throw CursorReader.Malformed();
    }

    // Npgsql reads infinity as DateTime.MaxValue and writes it back as infinity.
    public override void EnsureStorable(DateTime value)
    {
        if (value != DateTime.MaxValue)
        {
            Microseconds.EnsureWhole(value.Ticks, value.ToString("O", CultureInfo.InvariantCulture));
        }
    }
}

/// <summary>The instant: it alone orders. Npgsql takes offset zero only.</summary>
internal sealed class DateTimeOffsetCodec() : ValueCodec<DateTimeOffset>("instant")
{
    public override void Write(ref CursorWriter writer, DateTimeOffset value) => writer.Fixed64((ulong)value.UtcTicks);

    public override DateTimeOffset Read(ref CursorReader reader) =>
        reader.Fixed64() is var ticks && ticks <= (ulong)DateTime.MaxValue.Ticks ? new DateTimeOffset((long)ticks, TimeSpan.Zero) : throw CursorReader.Malformed();

    public override void EnsureStorable(DateTimeOffset value)
    {
        if (value != DateTimeOffset.MaxValue)
        {
            Microseconds.EnsureWhole(value.UtcTicks, value.ToString("O", CultureInfo.InvariantCulture));
        }
    }
}

internal sealed class DateOnlyCodec() : ValueCodec<DateOnly>("date")
{
    public override void Write(ref CursorWriter writer, DateOnly value) => writer.Varint((ulong)value.DayNumber);

    public override DateOnly Read(ref CursorReader reader) =>
        reader.Varint() is var day && day <= (ulong)DateOnly.MaxValue.DayNumber ? DateOnly.FromDayNumber((int)day) : throw CursorReader.Malformed();
}

internal sealed class TimeOnlyCodec() : ValueCodec<TimeOnly>("time")
{
    public override void Write(ref CursorWriter writer, TimeOnly value) => writer.Varint((ulong)value.Ticks);

    public override TimeOnly Read(ref CursorReader reader) =>
        reader.Varint() is var ticks && ticks <= (ulong)TimeOnly.MaxValue.Ticks ? new TimeOnly((long)ticks) : throw CursorReader.Malformed();

    public override void EnsureStorable(TimeOnly value) => Microseconds.EnsureWhole(value.Ticks, value.ToString("O", CultureInfo.InvariantCulture));
}

internal sealed class TimeSpanCodec() : ValueCodec<TimeSpan>("interval")
{
    public override void Write(ref CursorWriter writer, TimeSpan value) => writer.Signed(value.Ticks);

    public override TimeSpan Read(ref CursorReader reader) => new(reader.Signed());

    public override void EnsureStorable(TimeSpan value) => Microseconds.EnsureWhole(value.Ticks, value.ToString("c", CultureInfo.InvariantCulture));
}
