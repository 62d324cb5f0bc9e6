using BenchmarkDotNet.Attributes;
using Scaling.Pagination;
using Scaling.Pagination.Internal;

namespace Scaling.Benchmarks;

/// <summary>A row to a cursor and back to typed values; (timestamptz, bigint), the commonest key.</summary>
[MemoryDiagnoser, SimpleJob(warmupCount: 5, iterationCount: 15), MinColumn, MedianColumn]
public class PaginationCursor
{
    private static readonly Keyset<Post> Newest = Keyset.For<Post>().Descending(p => p.CreatedAt).Ascending(p => p.Id);
    private static readonly CursorKeys Keys = new(new byte[32]);
    private readonly Post _post = new() { Id = 9_900_000, CreatedAt = new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc) };
    private string _cursor = "";

    [GlobalSetup]
    public void Setup() => _cursor = Newest.CursorFor(_post);

    [Benchmark]
    public string Encode() => Newest.CursorFor(_post);

    [Benchmark]
    public bool Decode() => CursorCodec.Decode(Newest, _cursor, null, null).Inclusive;

    [Benchmark(Baseline = true)]
    public bool EncodeAndDecode() => CursorCodec.Decode(Newest, Newest.CursorFor(_post), null, null).Inclusive;

    [Benchmark]
    public bool EncodeAndDecodeSigned() => CursorCodec.Decode(Newest, Newest.CursorFor(_post, keys: Keys), null, Keys).Inclusive;
}
