using System.Globalization;

namespace Scaling.Sharding.Tests;

/// <summary>A release that changed one of these routes would look for every row in the wrong place.</summary>
public sealed class GoldenRouteTests
{
    private static readonly string File = Path.Combine(AppContext.BaseDirectory, "routes.golden.tsv");

    [Fact]
    public void Every_map_routes_as_it_did_in_the_first_release()
    {
        string[] actual = [.. Routes()];
        if (Environment.GetEnvironmentVariable("WRITE_GOLDEN_ROUTES") is { Length: > 0 } path)
        {
            System.IO.File.WriteAllLines(path, actual);
            return;
        }

        string[] golden = System.IO.File.ReadAllLines(File);
        Assert.True(golden.Length > 1_000);
        Assert.Equal(golden, actual);
    }

    private static IEnumerable<string> Routes()
    {
        string[] names = ["pg-0", "pg-1", "pg-2", "pg-3", "pg-4", "pg-5", "pg-6"];
        Shard[] weighted = [.. names.Select((name, index) => new Shard(name, 1 + (index % 3), $"zone-{index % 3}"))];
        Shard[] equal = [.. names.Select((name, index) => new Shard(name, 1, $"zone-{index % 3}"))];
        var grown = new ShardMap(weighted[..5]).Add(weighted[5]).Add(weighted[6]).Remove("pg-1").Pin("user:7", "pg-3");
        (string Name, IShardMap Map)[] maps =
        [
            ("shard-map", new ShardMap(equal)), ("shard-map-grown", grown),
            ("ring", new HashRing(equal)), ("ring-weighted", new HashRing(weighted)),
            ("hrw", new RendezvousMap(equal)), ("hrw-weighted", new RendezvousMap(weighted)),
            ("ketama", new KetamaRing(equal)), ("ketama-weighted", new KetamaRing(weighted)),
            ("jump", new JumpMap(equal)), ("maglev", new MaglevMap(equal)), ("maglev-weighted", new MaglevMap(weighted)),
        ];
        yield return "key\tslot\t" + string.Join('\t', maps.Select(map => map.Name));
        var replicas = new string[3];
        foreach ((string text, ShardKey key) in Keys())
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"{text}\t{grown.GetSlot(key)}\t") + string.Join('\t', maps.Select(map =>
            {
                if (map.Map is KetamaRing && key.Text is null)
                {
                    return "-"; // libketama knows text keys only
                }

                map.Map.GetReplicas(key, replicas);
                Assert.Equal(map.Map.GetShard(key), replicas[0]);
                return string.Join(',', replicas);
            }));
        }
    }

    private static IEnumerable<(string Text, ShardKey Key)> Keys()
    {
        for (int i = 0; i < 400; i++)
        {
            string text = string.Create(CultureInfo.InvariantCulture, $"user:{i}");
            yield return (text, text);
            long number = (i * 7_919L * (i % 2 == 0 ? 1 : -1)) + (i % 5 == 0 ? 1L << 40 : 0);
            yield return (string.Create(CultureInfo.InvariantCulture, $"long {number}"), number);
            var guid = new Guid(i, (short)i, 7, 1, 2, 3, 4, 5, 6, 7, (byte)i);
            yield return ($"guid {guid}", guid);
        }

        yield return ("empty", "");
        yield return ("long text", new string('ß', 1_000));
        ShardKey bytes = (ReadOnlySpan<byte>)[0, 255, 1, 254];
        yield return ("bytes", bytes);
    }
}
