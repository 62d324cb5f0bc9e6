using System.Buffers.Binary;
using System.Globalization;
using System.IO.Hashing;
using System.Text;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using Perfolizer.Horology;
using Scaling.Sharding;

namespace Scaling.Benchmarks;

/// <summary>One lookup by each map beside the hash alone, modulo, and the SortedDictionary ring that many a service has.</summary>
[Config(typeof(Short))]
[MemoryDiagnoser(false)]
public class ShardingLookup
{
    private const int Keys = 4_096; // a power of two, so that stepping through them costs an AND

    private readonly string[] _texts = [.. Enumerable.Range(0, Keys).Select(i => $"user:{i * 7_919}")];
    private readonly long[] _numbers = [.. Enumerable.Range(0, Keys).Select(i => i * 7_919L)];
    private readonly Guid[] _guids = [.. Enumerable.Range(0, Keys).Select(_ => Guid.NewGuid())];
    private string[] _names = [];
    private SortedDictionary<ulong, string> _sorted = [];
    private ulong[] _sortedKeys = [];
    private ShardMap _shardMap = null!;
    private HashRing _ring = null!;
    private RendezvousMap _rendezvous = null!;
    private JumpMap _jump = null!;
    private MaglevMap _maglev = null!;
    private KetamaRing _ketama = null!;
    private int _next;

    [Params(3, 10, 100, 1_000)]
    public int Shards { get; set; }

    [GlobalSetup]
    public void Build()
    {
        _names = [.. Enumerable.Range(0, Shards).Select(i => string.Create(CultureInfo.InvariantCulture, $"pg-{i}"))];
        Shard[] shards = [.. _names.Select(name => new Shard(name))];
        (_shardMap, _ring, _rendezvous, _jump, _maglev, _ketama) = (new(shards), new(shards), new(shards), new(shards), new(shards), new(shards));
        _sorted = new(_names.SelectMany(name => Enumerable.Range(0, 160).Select(i => (Hash: ((ShardKey)$"{name}#{i}").Hash, name))).ToDictionary(point => point.Hash, point => point.name));
        _sortedKeys = [.. _sorted.Keys];
    }

    [Benchmark(Baseline = true)]
    public ulong HashOfTextAlone() => ((ShardKey)Text()).Hash;

    /// <summary>What hashing a text costs with the library that everybody has.</summary>
    [Benchmark]
    public ulong XxHash3OfText()
    {
        Span<byte> utf8 = stackalloc byte[256];
        int length = Encoding.UTF8.GetBytes(Text(), utf8);
        return XxHash3.HashToUInt64(utf8[..length]);
    }

    [Benchmark]
    public ulong XxHash3OfNumber()
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, Number());
        return XxHash3.HashToUInt64(bytes);
    }

    [Benchmark]
    public ulong XxHash3OfGuid()
    {
        Span<byte> bytes = stackalloc byte[16];
        OneGuid().TryWriteBytes(bytes, bigEndian: true, out _);
        return XxHash3.HashToUInt64(bytes);
    }

    [Benchmark]
    public ulong HashOfNumberAlone() => ((ShardKey)Number()).Hash;

    [Benchmark]
    public ulong HashOfGuidAlone() => ((ShardKey)OneGuid()).Hash;

    [Benchmark]
    public string Modulo() => _names[((ShardKey)Text()).Hash % (ulong)_names.Length];

    [Benchmark]
    public string SortedDictionaryRing()
    {
        int index = Array.BinarySearch(_sortedKeys, ((ShardKey)Text()).Hash);
        index = index < 0 ? ~index : index;
        return _sorted[_sortedKeys[index == _sortedKeys.Length ? 0 : index]];
    }

    [Benchmark]
    public string ShardMap() => _shardMap.GetShard(Text());

    [Benchmark]
    public string ShardMapByNumber() => _shardMap.GetShard(Number());

    [Benchmark]
    public string ShardMapByGuid() => _shardMap.GetShard(OneGuid());

    [Benchmark]
    public string HashRing() => _ring.GetShard(Text());

    [Benchmark]
    public string RendezvousMap() => _rendezvous.GetShard(Text());

    [Benchmark]
    public string JumpMap() => _jump.GetShard(Text());

    [Benchmark]
    public string MaglevMap() => _maglev.GetShard(Text());

    [Benchmark]
    public string KetamaRing() => _ketama.GetShard(Text());

    private string Text() => _texts[_next++ & (Keys - 1)];

    private Guid OneGuid() => _guids[_next++ & (Keys - 1)];

    private long Number() => _numbers[_next++ & (Keys - 1)];

    private sealed class Short : ManualConfig
    {
        public Short() => AddJob(Job.ShortRun.WithIterationCount(5).WithIterationTime(TimeInterval.FromMilliseconds(100)));
    }
}
