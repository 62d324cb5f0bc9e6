using System.Buffers.Text;
using System.Security.Cryptography;

namespace Scaling.Pagination.Tests;

public sealed class CursorTests
{
    private static readonly Keyset<User> Newest = Keyset.For<User>().Descending(u => u.CreatedAt).Ascending(u => u.Id);
    private static readonly User Ada = new() { Id = 9980, CreatedAt = new DateTime(2026, 1, 1, 1, 2, 3, DateTimeKind.Utc).AddTicks(1234560) };
    private static readonly CursorKeys Keys = new(RandomNumberGenerator.GetBytes(32));

    public static TheoryData<bool> SignedOrNot => [false, true];

    private static InvalidCursorException Refusal(string cursor, CursorKeys? keys = null, string? scope = null) =>
        Assert.Throws<InvalidCursorException>(() => Newest.ToSql("select 1", new PageRequest(1, After: cursor) { Keys = keys, Scope = scope }));

    [Theory, MemberData(nameof(SignedOrNot))]
    public void Every_change_of_one_byte_is_refused(bool isSigned)
    {
        CursorKeys? keys = isSigned ? Keys : null;
        byte[] bytes = Base64Url.DecodeFromChars(Newest.CursorFor(Ada, keys: keys));
        for (int i = 0; i < bytes.Length; i++)
        {
            for (int value = 0; value < 256; value++)
            {
                if (value != bytes[i])
                {
                    byte[] changed = [.. bytes];
                    changed[i] = (byte)value;
                    Refusal(Base64Url.EncodeToString(changed), keys);
                }
            }
        }
    }

    // Three ids of one, two and three bytes: cursors with no, two and four stray bits in their last character.
    [Theory, InlineData(false, 1), InlineData(false, 100), InlineData(false, 9980_00), InlineData(true, 1), InlineData(true, 100), InlineData(true, 9980_00)]
    public void Every_change_of_one_character_is_refused(bool isSigned, long id)
    {
        CursorKeys? keys = isSigned ? Keys : null;
        string cursor = Newest.CursorFor(new User { Id = id, CreatedAt = Ada.CreatedAt }, keys: keys);
        for (int i = 0; i < cursor.Length; i++)
        {
            for (char character = '\0'; character < 300; character++)
            {
                if (character != cursor[i])
                {
                    Refusal($"{cursor[..i]}{character}{cursor[(i + 1)..]}", keys);
                }
            }
        }
    }

    [Theory, MemberData(nameof(SignedOrNot))]
    public void Every_truncation_and_extension_is_refused(bool isSigned)
    {
        CursorKeys? keys = isSigned ? Keys : null;
        string cursor = Newest.CursorFor(Ada, keys: keys);
        byte[] bytes = Base64Url.DecodeFromChars(cursor);
        for (int length = 0; length < bytes.Length; length++)
        {
            Refusal(Base64Url.EncodeToString(bytes.AsSpan(0, length)), keys);
            Refusal(Base64Url.EncodeToString(bytes.AsSpan(length)) is var tail && length == 0 ? cursor[1..] : tail, keys);
        }
        for (int length = 0; length < cursor.Length; length++)
        {
            Refusal(cursor[..length], keys);
        }
        for (int value = 0; value < 65536; value++)
        {
            Refusal(Base64Url.EncodeToString([.. bytes, (byte)value, .. value < 256 ? (byte[])[] : [(byte)(value >> 8)]]), keys);
        }
        for (char character = '\0'; character < 300; character++)
        {
            Refusal(cursor + character, keys);
            Refusal(character + cursor, keys);
        }
    }

    [Fact]
    public void A_cursor_of_another_order_filter_or_tenant_is_refused()
    {
        Keyset<User> oldest = Keyset.For<User>().Ascending(u => u.CreatedAt).Ascending(u => u.Id);
        Keyset<User> renamed = Keyset.For<User>().Descending(u => u.CreatedAt, column: "made_at").Ascending(u => u.Id);
        Keyset<User> retyped = Keyset.For<User>().Descending(u => u.CreatedAt, type: "timestamp").Ascending(u => u.Id);
        foreach (Keyset<User> other in new[] { oldest, renamed, retyped })
        {
            Assert.Equal(InvalidCursorReason.WrongKeyset, Refusal(other.CursorFor(Ada)).Reason);
        }
        Assert.Equal(InvalidCursorReason.WrongKeyset, Refusal(Newest.CursorFor(Ada, scope: "tenant 1"), scope: "tenant 2").Reason);
        Assert.Equal(InvalidCursorReason.WrongKeyset, Refusal(Newest.CursorFor(Ada), scope: "tenant 2").Reason);
        Assert.Equal(InvalidCursorReason.WrongKeyset, Refusal(Newest.CursorFor(Ada, scope: ""), scope: null).Reason);
    }

    [Fact]
    public void Types_and_null_order_are_part_of_what_a_cursor_belongs_to()
    {
        string AsInt(Nulls nulls) => ((Keyset<int?>)Keyset.For<int?>().Ascending("a", x => x, nulls).Ascending("id", x => 1)).CursorFor(1);
        Keyset<int?> nullsLast = Keyset.For<int?>().Ascending("a", x => x, Nulls.Last).Ascending("id", x => 1);
        Keyset<int?> asLong = Keyset.For<int?>().Ascending("a", x => (long?)x, Nulls.Last).Ascending("id", x => 1);
        nullsLast.ToSql("select 1", new PageRequest(1, AsInt(Nulls.Last)));
        Assert.Equal(InvalidCursorReason.WrongKeyset, Assert.Throws<InvalidCursorException>(() => nullsLast.ToSql("select 1", new PageRequest(1, AsInt(Nulls.First)))).Reason);
        Assert.Equal(InvalidCursorReason.WrongKeyset, Assert.Throws<InvalidCursorException>(() => asLong.ToSql("select 1", new PageRequest(1, AsInt(Nulls.Last)))).Reason);
    }

    [Fact]
    public void Keys_rotate()
    {
        byte[] old = RandomNumberGenerator.GetBytes(32);
        byte[] current = RandomNumberGenerator.GetBytes(32);
        string cursor = Newest.CursorFor(Ada, keys: new CursorKeys(old));
        Newest.ToSql("select 1", new PageRequest(1, cursor) { Keys = new CursorKeys(current, old) });
        Assert.Equal(InvalidCursorReason.BadSignature, Refusal(cursor, new CursorKeys(current)).Reason);
        Assert.NotEqual(cursor, Newest.CursorFor(Ada, keys: new CursorKeys(current, old)));
    }

    [Fact]
    public void Signed_and_unsigned_cursors_do_not_mix()
    {
        Assert.Equal(InvalidCursorReason.BadSignature, Refusal(Newest.CursorFor(Ada), Keys).Reason);
        Assert.Equal(InvalidCursorReason.BadSignature, Refusal(Newest.CursorFor(Ada, keys: Keys), null).Reason);
    }

    [Fact]
    public void A_signature_of_another_scope_is_refused_even_where_the_visible_fingerprint_agrees()
    {
        // The cursor shows 32 of the fingerprint's 64 bits; two scopes that agree in them are found by trying.
        var seen = new Dictionary<string, string>();
        for (int i = 0; ; i++)
        {
            string scope = $"tenant {i}";
            string cursor = Newest.CursorFor(Ada, scope);
            string shown = Convert.ToHexString(Base64Url.DecodeFromChars(cursor).AsSpan(0, 5));
            if (!seen.TryAdd(shown, scope))
            {
                Assert.Equal(InvalidCursorReason.Damaged, Refusal(cursor, scope: seen[shown]).Reason);
                Assert.Equal(InvalidCursorReason.BadSignature, Refusal(Newest.CursorFor(Ada, scope, Keys), Keys, seen[shown]).Reason);
                return;
            }
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("9980")]
    [InlineData("null")]
    [InlineData("🙂")]
    [InlineData("' or 1=1 --")]
    public void What_is_no_cursor_is_malformed(string cursor) => Assert.Equal(InvalidCursorReason.Malformed, Refusal(cursor).Reason);

    [Fact]
    public void Length_is_checked_before_anything_is_allocated()
    {
        string huge = new('A', 50_000_000);
        Refusal(huge);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(InvalidCursorReason.TooLong, Refusal(huge).Reason);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 20_000);
    }

    [Fact]
    public void A_cursor_is_short() => Assert.InRange(Newest.CursorFor(Ada).Length, 1, 28);

    [Fact]
    public void A_weak_key_is_refused() => Assert.Throws<ArgumentException>(() => new CursorKeys(new byte[31]));
}
