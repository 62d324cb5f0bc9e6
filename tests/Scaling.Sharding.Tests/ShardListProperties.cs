using System.Globalization;
using System.Runtime.CompilerServices;
using FsCheck.Xunit;

namespace Scaling.Sharding.Tests;

/// <summary>Pages and streams over all shards agree with one sorted list.</summary>
public sealed class ShardListProperties
{
    private static readonly ShardOrder<int> ById = new(Comparer<int>.Default, Cursor, id => id);

    [Property(MaxTest = 60)]
    public async Task Pages_over_shards_are_the_pages_of_one_sorted_list(byte n, byte size, ushort count, int seed)
    {
        var random = new Random(seed);
        int[] ids = [.. Enumerable.Range(0, count % 500).Select(_ => random.Next(5_000)).Distinct().Order()];
        await using ShardSet<List<int>> shards = Set((n % 7) + 1, ids);
        var listed = new List<int>();
        string? after = null;
        do
        {
            ShardPage<int> page = await shards.QueryPageAsync(ById, PageAsync, (size % 20) + 1, after);
            Assert.True(page.Next is null || page.Items.Count == (size % 20) + 1);
            listed.AddRange(page.Items);
            after = page.Next;
        }
        while (after is not null);
        Assert.Equal(ids, listed);
    }

    [Property(MaxTest = 60)]
    public async Task Rows_that_stand_on_two_shards_during_a_move_are_listed_once(byte n, int seed)
    {
        int[] ids = [.. Enumerable.Range(0, 200)];
        await using ShardSet<List<int>> shards = Set((n % 5) + 2, ids);
        var random = new Random(seed);
        foreach (int id in ids.Where(_ => random.Next(2) == 0))
        {
            List<int> copy = shards.GetResource(shards.Map.Shards[random.Next(shards.Map.Shards.Count)]);
            if (!copy.Contains(id))
            {
                copy.Add(id);
                copy.Sort();
            }
        }

        ShardPage<int> page = await shards.QueryPageAsync(ById, PageAsync, 150);
        Assert.Equal(Enumerable.Range(0, 150), page.Items);
        page = await shards.QueryPageAsync(ById, PageAsync, 150, page.Next);
        Assert.Equal(Enumerable.Range(150, 50), page.Items);
        Assert.Null(page.Next);
    }

    [Property(MaxTest = 60)]
    public async Task A_merged_stream_is_the_sorted_list_and_reads_little_more_than_is_taken(byte n, ushort count, ushort take)
    {
        int[] ids = [.. Enumerable.Range(0, count % 2_000)];
        await using ShardSet<List<int>> shards = Set((n % 7) + 1, ids);
        int read = 0, open = 0;
        var taken = new List<int>();
        await foreach (int id in shards.MergeAsync(Stream, Comparer<int>.Default))
        {
            if (taken.Count == take % 2_000)
            {
                break;
            }

            taken.Add(id);
        }

        Assert.Equal(ids.Take(take % 2_000), taken);
        Assert.InRange(read, taken.Count, taken.Count + shards.Map.Shards.Count + 1);
        Assert.Equal(0, open);

        async IAsyncEnumerable<int> Stream(List<int> rows, [EnumeratorCancellation] CancellationToken ct)
        {
            Interlocked.Increment(ref open);
            try
            {
                foreach (int row in rows)
                {
                    await Task.CompletedTask;
                    Interlocked.Increment(ref read);
                    yield return row;
                }
            }
            finally
            {
                Interlocked.Decrement(ref open);
            }
        }
    }

    [Fact]
    public async Task A_cursor_may_be_made_from_a_bare_id()
    {
        await using ShardSet<List<int>> shards = Set(3, [.. Enumerable.Range(0, 100)]);
        Assert.Equal([81, 82, 83], (await shards.QueryPageAsync(ById, PageAsync, 3, Cursor(80))).Items);
    }

    [Fact]
    public async Task A_shard_that_is_not_sorted_as_told_is_named()
    {
        await using ShardSet<List<int>> shards = Set(2, [.. Enumerable.Range(0, 100)]);
        shards.GetResource("s1").Reverse();
        ShardException page = await Assert.ThrowsAsync<ShardException>(() => shards.QueryPageAsync(ById, (rows, _, size, _) => Task.FromResult<IReadOnlyList<int>>(rows[..size]), 20));
        ShardException stream = await Assert.ThrowsAsync<ShardException>(async () =>
        {
            await foreach (int _ in shards.MergeAsync((rows, _) => rows.ToAsyncEnumerable(), Comparer<int>.Default))
            {
            }
        });
        Assert.Equal(("s1", "s1"), (page.Shard, stream.Shard));
    }

    [Fact]
    public async Task Equal_items_on_two_shards_fail_the_page_instead_of_being_skipped()
    {
        await using ShardSet<List<int>> shards = Set(2, []);
        var untrusting = new ShardOrder<int>(Comparer<int>.Default, Cursor);
        shards.GetResource("s0").AddRange([1, 2, 3]);
        shards.GetResource("s1").AddRange([3, 4]);
        Assert.Equal([1, 2], (await shards.QueryPageAsync(untrusting, PageAsync, 2)).Items);
        await Assert.ThrowsAsync<ShardException>(() => shards.QueryPageAsync(untrusting, PageAsync, 3)); // a cursor after this 3 would skip the other
    }

    private static string Cursor(int id) => id.ToString(CultureInfo.InvariantCulture);

    private static Task<IReadOnlyList<int>> PageAsync(List<int> rows, string? after, int size, CancellationToken ct) =>
        Task.FromResult<IReadOnlyList<int>>([.. rows.Where(row => after is null || row > int.Parse(after, CultureInfo.InvariantCulture)).Take(size)]);

    private static ShardSet<List<int>> Set(int count, int[] ids)
    {
        var map = new ShardMap(Enumerable.Range(0, count).Select(i => new Shard($"s{i}")));
        return new ShardSet<List<int>>(map, name => [.. ids.Where(id => map.GetShard(id) == name)]);
    }
}
