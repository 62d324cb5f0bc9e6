using System.IO.Hashing;
using Scaling.Sharding.Internal;

namespace Scaling.Sharding.Tests;

/// <summary>Vectors that the authors of the algorithms, or of their best-known implementations, publish.</summary>
public sealed class PublishedVectorTests
{
    [Fact]
    public void Jump_agrees_with_guava_and_go_jump()
    {
        int[] golden = [0, 55, 62, 8, 45, 59, 86, 97, 82, 59, 73, 37, 17, 56, 86, 21, 90, 37, 38, 83];
        Assert.Equal(golden, Enumerable.Range(0, 20).Select(key => JumpHash.Bucket((ulong)key, 100)));
    }

    [Theory]
    [InlineData(10863919174838991UL, 11, 6)]
    [InlineData(2016238256797177309UL, 11, 3)]
    [InlineData(1673758223894951030UL, 11, 5)]
    [InlineData(2UL, 100001, 80343)]
    [InlineData(2201UL, 100001, 22152)]
    [InlineData(2202UL, 100001, 15018)]
    [InlineData(ulong.MaxValue, 100, 92)] // high bit set: an arithmetic shift gives another bucket
    [InlineData(1UL << 63, 100, 84)]
    public void Jump_agrees_with_published_buckets(ulong key, int buckets, int bucket) => Assert.Equal(bucket, JumpHash.Bucket(key, buckets));

    [Theory]
    [InlineData(1UL, new[] { 0, 0, 0, 0, 0, 0, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 17, 17 })]
    [InlineData(0xdeadbeefUL, new[] { 0, 1, 2, 3, 3, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 16, 16, 16 })]
    [InlineData(0x0ddc0ffeebadf00dUL, new[] { 0, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 15, 15, 15, 15 })]
    public void Jump_agrees_with_the_reference_for_1_to_19_buckets(ulong key, int[] buckets) =>
        Assert.Equal(buckets, Enumerable.Range(1, 19).Select(count => JumpHash.Bucket(key, count)));

    [Fact]
    public void Maglev_agrees_with_the_example_of_the_paper()
    {
        Assert.Equal([1, 0, 1, 0, 2, 2, 0], MaglevTable.Fill([(3, 4), (0, 2), (3, 1)], [1, 1, 1], 7));
        Assert.Equal([0, 0, 0, 0, 1, 1, 1], MaglevTable.Fill([(3, 4), (3, 1)], [1, 1], 7)); // without the second backend
    }

    [Fact]
    public void The_hash_is_xxhash3_of_the_documented_encodings()
    {
        Assert.Equal(0x2d06800538d394c2UL, ((ShardKey)"").Hash);
        Assert.Equal(0x78af5f94892f3950UL, ((ShardKey)"abc").Hash);
        Assert.Equal(0x78af5f94892f3950UL, ((ShardKey)"abc"u8).Hash);
        Assert.Equal(XxHash3.HashToUInt64([1, 2, 0, 0, 0, 0, 0, 0x80]), ((ShardKey)(long.MinValue + 0x201)).Hash);
        Assert.Equal(((ShardKey)42L).Hash, ((ShardKey)42).Hash);
        var guid = new Guid("00112233-4455-6677-8899-aabbccddeeff");
        Assert.Equal(XxHash3.HashToUInt64(Convert.FromHexString("00112233445566778899AABBCCDDEEFF")), ((ShardKey)guid).Hash);
        Assert.Equal(XxHash3.HashToUInt64("é".PadLeft(500, 'ß').Select(c => c).ToArray() is var chars ? System.Text.Encoding.UTF8.GetBytes(chars) : []), ((ShardKey)"é".PadLeft(500, 'ß')).Hash);
    }

    [Fact]
    public void Stable_log_is_as_precise_as_the_platforms()
    {
        var random = new Random(1);
        for (int i = 0; i < 100_000; i++)
        {
            ulong hash = (ulong)random.NextInt64(long.MinValue, long.MaxValue);
            double expected = -Math.Log(((hash >> 11) + 0.5) / (1UL << 53));
            Assert.InRange(StableLog.MinusLn(hash), expected * (1 - 1e-13), expected * (1 + 1e-13));
        }
    }
}
