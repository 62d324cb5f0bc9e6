using System.Buffers.Text;
using System.Numerics;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using Scaling.Pagination.Internal;

namespace Scaling.Pagination.Tests;

public sealed class CursorProperties
{
    private static readonly Keyset<string> ByText = Keyset.For<string>().Ascending("a", x => x).Unique();

    private static TValue RoundTrip<TValue>(TValue value)
    {
        Keyset<TValue[]> keyset = Keyset.For<TValue[]>().Ascending("a", x => x[0], default(TValue) is null && typeof(TValue).IsValueType ? Nulls.Last : Nulls.None).Ascending("id", x => 1);
        KeyPosition position = CursorCodec.Decode(keyset, keyset.CursorFor([value]), null, null);
        return position.Values[0] is KeyValue<TValue> box ? box.Value : default!;
    }

    private static bool Kept<TValue>(TValue value) => EqualityComparer<TValue>.Default.Equals(RoundTrip(value), value);

    [Property(MaxTest = 500)]
    public bool Numbers_are_kept(bool a, short b, int c, long d, decimal e, BigInteger f, int? g, long? h) =>
        Kept(a) && Kept(b) && Kept(c) && Kept(d) && Kept(e) && decimal.GetBits(RoundTrip(e)).SequenceEqual(decimal.GetBits(e)) && Kept(f) && Kept(g) && Kept(h);

    [Property(MaxTest = 500)]
    public bool Floating_point_keeps_its_bits(double a, float b) =>
        BitConverter.DoubleToInt64Bits(RoundTrip(a)) == BitConverter.DoubleToInt64Bits(a)
        && BitConverter.SingleToInt32Bits(RoundTrip(b)) == BitConverter.SingleToInt32Bits(b);

    [Property(MaxTest = 500)]
    public bool Times_and_ids_are_kept(DateTime a, DateTimeOffset b, TimeSpan c, Guid d, TimeOnly e, DateOnly f) =>
        Kept(a) && RoundTrip(a).Kind == a.Kind && Kept(b) && Kept(c) && Kept(d) && Kept(e) && Kept(f) && Kept(Guid.CreateVersion7());

    [Property(MaxTest = 1000)]
    public bool Text_is_kept_or_refused(string? text)
    {
        text ??= "";
        try
        {
            return RoundTrip(text) == text;
        }
        catch (InvalidOperationException)
        {
            return text.Contains('\0') || text.Length > 400 || text.Any(char.IsSurrogate);
        }
    }

    [Fact]
    public void Text_that_Postgres_cannot_hold_is_refused()
    {
        foreach (string text in new[] { "\ud800", "a\udc00b", "\udc00\ud800", "a\0b" }) // an attribute would turn the surrogates into U+FFFD
        {
            Assert.Throws<InvalidOperationException>(() => ByText.CursorFor(text));
        }
    }

    [Fact]
    public void Text_that_is_too_long_is_refused() => Assert.Throws<InvalidOperationException>(() => ByText.CursorFor(new string('x', 1600)));

    [Fact]
    public void Extremes_are_kept()
    {
        Assert.True(Kept(long.MinValue) && Kept(long.MaxValue) && Kept(int.MinValue) && Kept(short.MinValue) && Kept(decimal.MinValue) && Kept(0.0000000000000000000000000001m));
        Assert.True(Kept(double.NaN) && Kept(double.PositiveInfinity) && Kept(double.NegativeInfinity) && Kept(float.NaN));
        Assert.True(double.IsNegative(RoundTrip(-0.0)));
        Assert.True(Kept(DateTime.MinValue) && Kept(DateTime.MaxValue) && Kept(DateTimeOffset.MinValue) && Kept(DateTimeOffset.MaxValue) && Kept(TimeSpan.MinValue) && Kept(DateOnly.MaxValue));
        Assert.True(Kept(BigInteger.Pow(10, 1000)) && Kept("\U0001F600\uFFFD") && Kept((int?)null));
        Assert.Equal(new byte[] { 0, 255, 7 }, RoundTrip(new byte[] { 0, 255, 7 }));
    }

    [Property(MaxTest = 3000)]
    public Property No_change_to_any_cursor_passes(NonNull<string> text, int position, byte value, byte kind)
    {
        string clean = new([.. text.Get.Where(c => c != '\0' && !char.IsSurrogate(c)).Take(200)]);
        byte[] bytes = Base64Url.DecodeFromChars(ByText.CursorFor(clean));
        int at = (int)((uint)position % (uint)bytes.Length);
        byte[] changed = (kind % 3) switch
        {
            0 => [.. bytes[..at], value, .. bytes[(at + 1)..]],
            1 => bytes[..at],
            _ => [.. bytes, .. Enumerable.Repeat(value, 1 + at)],
        };
        return (bytes.SequenceEqual(changed) || IsRefused(changed)).ToProperty();
    }

    [Property(MaxTest = 3000)]
    public bool Noise_is_never_taken_for_a_cursor(byte[]? noise) => IsRefused(noise ?? []);

    /// <summary>An attacker knows the format and can seal anything: what the seal lets through must still be read without a crash.</summary>
    [Property(MaxTest = 3000)]
    public bool A_well_sealed_cursor_with_any_content_is_read_or_refused(byte[]? content)
    {
        Keyset<object> keyset = Keyset.For<object>()
            .Ascending("a", _ => default(DateTime)).Ascending("b", _ => default(decimal)).Ascending("c", _ => default(int?), Nulls.Last)
            .Ascending("d", _ => "").Ascending("e", _ => default(TimeOnly)).Ascending("f", _ => default(DateOnly)).Ascending("g", _ => default(bool)).Unique();
        try
        {
            keyset.ToSql("select 1", new PageRequest(1, Forge(keyset.Fingerprint, content ?? [])));
            return true;
        }
        catch (InvalidCursorException e)
        {
            return e.Reason == InvalidCursorReason.Malformed;
        }
    }

    [Theory]
    [InlineData("6100", "text with U+0000")]
    [InlineData("ED A0 80", "text with a surrogate")]
    [InlineData("FF", "text that is no UTF-8")]
    public void Forged_text_that_Postgres_would_choke_on_is_refused_here(string hex, string what)
    {
        byte[] utf8 = Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));
        string cursor = Forge(ByText.Fingerprint, [(byte)utf8.Length, .. utf8]);
        InvalidCursorException refusal = Assert.Throws<InvalidCursorException>(() => ByText.ToSql("select 1", new PageRequest(1, cursor)));
        Assert.True(refusal.Reason == InvalidCursorReason.Malformed, what);
    }

    private static string Forge(ulong fingerprint, byte[] content)
    {
        var writer = new CursorWriter(new byte[CursorFormat.MaxBytes]);
        CursorFormat.WriteHeader(ref writer, fingerprint, signed: false, inclusive: false);
        content.AsSpan(0, Math.Min(content.Length, 1000)).CopyTo(writer.Reserve(Math.Min(content.Length, 1000)));
        return CursorFormat.Seal(ref writer, fingerprint, null);
    }

    private static bool IsRefused(byte[] bytes)
    {
        try
        {
            ByText.ToSql("select 1", new PageRequest(1, Base64Url.EncodeToString(bytes)));
            return false;
        }
        catch (InvalidCursorException)
        {
            return true;
        }
    }
}
