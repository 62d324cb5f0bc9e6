using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Scaling.Sharding.Internal;

namespace Scaling.Sharding.Tests;

/// <summary>Vectors of libketama and its Python binding.</summary>
public sealed class KetamaRingTests
{
    private static readonly int[] Weights = [600, 300, 200, 350, 1000, 800, 950, 100];

    private static readonly KetamaRing EightServers = new(Weights.Select((weight, i) => new Shard($"10.0.1.{i + 1}:11211", weight)));

    [Fact]
    public void The_hash_of_test_is_what_python_ketama_asserts() => Assert.Equal(3446378249u, Md5Hash.OfKey("test"));

    [Fact]
    public void Two_servers_give_the_point_that_python_ketama_asserts()
    {
        var ring = new KetamaRing([new Shard("127.0.0.1:11211", 600), new Shard("127.0.0.1:11212", 400)]);
        Assert.Equal(320, ring.PointCount);
        Assert.Equal((3454255383u, "127.0.0.1:11211"), ring.PointOf("test"));
        Assert.Equal("127.0.0.1:11211", ring.GetShard("test"));
    }

    [Fact]
    public void A_million_keys_route_as_the_test_program_of_libketama_prints_them()
    {
        Assert.Equal(1264, EightServers.PointCount);
        var output = new StringBuilder("\n");
        for (int i = 0; i < 1_000_000; i++)
        {
            string key = i.ToString(CultureInfo.InvariantCulture);
            (uint point, string shard) = EightServers.PointOf(key);
            output.Append(CultureInfo.InvariantCulture, $"{Md5Hash.OfKey(key)} {point} {shard}\n");
        }

#pragma warning disable CA5351 // the published digest is an MD5
        Assert.Equal("5672b131391f5aa2b280936aec1eea74", Convert.ToHexStringLower(MD5.HashData(Encoding.ASCII.GetBytes(output.ToString()))));
#pragma warning restore CA5351
    }

    [Fact]
    public void A_key_that_is_no_text_is_refused_instead_of_routed_elsewhere_than_by_other_clients()
    {
        Assert.Throws<NotSupportedException>(() => EightServers.GetShard(42));
        Assert.Throws<NotSupportedException>(() => EightServers.GetShard("42"u8));
        Assert.Contains(EightServers.GetShard("42"), EightServers.Shards);
    }

    [Fact]
    public void A_server_that_would_get_no_key_is_refused() =>
        Assert.Throws<ArgumentException>(() => new KetamaRing([new Shard("a:1", 1000), new Shard("b:1", 1)]));

    [Fact]
    public void Replicas_are_distinct()
    {
        var replicas = new string[3];
        Assert.Equal(3, EightServers.GetReplicas("test", replicas));
        Assert.Equal(3, replicas.Distinct().Count());
        Assert.Equal(EightServers.GetShard("test"), replicas[0]);
    }
}
