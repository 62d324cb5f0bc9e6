using BenchmarkDotNet.Attributes;
using Scaling.Sharding;

namespace Scaling.Benchmarks;

/// <summary>What building, changing and comparing a map of 16,384 slots costs.</summary>
[ShortRunJob]
[MemoryDiagnoser(false)]
public class ShardingBuild
{
    private Shard[] _shards = [];
    private ShardMap _map = null!;
    private ShardMap _next = null!;
    private string _json = "";

    [Params(10, 100)]
    public int Shards { get; set; }

    [GlobalSetup]
    public void Build()
    {
        _shards = [.. Enumerable.Range(0, Shards).Select(i => new Shard($"pg-{i}"))];
        _map = new ShardMap(_shards);
        _next = _map.Add("pg-new");
        _json = _map.ToJson();
    }

    [Benchmark]
    public ShardMap BuildMap() => new(_shards);

    [Benchmark]
    public ShardMap AddOneShard() => _map.Add("pg-new");

    [Benchmark]
    public ShardPlan Diff() => ShardMap.Diff(_map, _next);

    [Benchmark]
    public ShardMap ReadJson() => ShardMap.FromJson(_json);
}
