using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;
using FsCheck;
using FsCheck.Xunit;

namespace Scaling.Sharding.Tests;

/// <summary>Numbers, Guids and short texts have a hash of their own in this package; it must be System.IO.Hashing's XxHash3 to the last bit.</summary>
public sealed class ShardKeyProperties
{
    [Property(MaxTest = 20_000)]
    public bool A_number_hashes_as_its_eight_bytes_little_endian(DoNotSize<long> number)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, number.Item);
        return ((ShardKey)number.Item).Hash == XxHash3.HashToUInt64(bytes);
    }

    [Property(MaxTest = 20_000)]
    public bool A_guid_hashes_as_its_sixteen_bytes_in_network_order(Guid id) =>
        ((ShardKey)id).Hash == XxHash3.HashToUInt64(id.ToByteArray(bigEndian: true));

    [Property(MaxTest = 20_000)]
    public bool A_text_hashes_as_its_UTF_8_whatever_it_is_made_of(string? text) =>
        ((ShardKey)(text ?? "")).Hash == XxHash3.HashToUInt64(Encoding.UTF8.GetBytes(text ?? ""));

    [Fact]
    public void A_text_of_any_length_hashes_as_its_UTF_8_with_one_foreign_character_at_any_place_and_with_none()
    {
        foreach (int length in Enumerable.Range(0, 300))
        {
            string ascii = string.Create(length, length, (text, seed) => new Random(seed).GetItems("abcxyz019:-_\0\x7f", text));
            string[] texts = [ascii, .. from place in Enumerable.Range(0, Math.Min(length, 20)) from foreign in "\u0080\u00e9\u0100\u20ac\ud83d" select ascii.Remove(place, 1).Insert(place, foreign.ToString())];
            Assert.All(texts, text => Assert.Equal(XxHash3.HashToUInt64(Encoding.UTF8.GetBytes(text)), ((ShardKey)text).Hash));
        }
    }
}
