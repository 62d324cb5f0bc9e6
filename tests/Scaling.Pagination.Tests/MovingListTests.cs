using FsCheck;
using FsCheck.Fluent;

namespace Scaling.Pagination.Tests;

/// <summary>While the list changes under the crawl, no row whose key stayed the same is skipped or repeated.</summary>
public sealed class MovingListTests(PostgresServer postgres) : IAsyncLifetime
{
    private sealed record Item(long Id, int? Score);

    private static readonly Keyset<Item> Order = Keyset.For<Item>().Descending(i => i.Score, Nulls.Last).Ascending(i => i.Id);

    public async ValueTask InitializeAsync() => await postgres.ExecuteAsync("create table moving (list int not null, id bigint not null, score int, primary key (list, id))");

    public async ValueTask DisposeAsync() => await postgres.ExecuteAsync("drop table moving");

    [Fact]
    public void Rows_that_stay_are_seen_exactly_once() =>
        Prop.ForAll(
            (from seed in Gen.Choose(0, int.MaxValue - 1) from size in Gen.Choose(1, 7) from backward in Gen.Elements(false, true) select (seed, size, backward)).ToArbitrary(),
            run => Task.Run(() => CrawlAMovingListAsync(run.seed, run.size, run.backward)).GetAwaiter().GetResult())
        .Check(Config.QuickThrowOnFailure.WithMaxTest(150));

    private async Task CrawlAMovingListAsync(int seed, int size, bool backward)
    {
        var random = new Random(seed);
        int list = seed;
        await postgres.ExecuteAsync($"delete from moving where list = {list}; insert into moving select {list}, i, nullif(i % 5, 0) from generate_series(1, 40) i");
        var touched = new HashSet<long>();
        var seen = new List<long>();
        PageRequest first = backward ? PageRequest.Last(size) : new PageRequest(size);
        await foreach (Page<Item> page in Pages.ReadAllAsync(first, (request, ct) => ReadAsync(list, request, ct)))
        {
            seen.AddRange(page.Items.Select(i => i.Id));
            // The anchors go first: the rows that the next cursor was made of.
            foreach (Item anchor in page.Items.Take(1).Concat(page.Items.TakeLast(1)))
            {
                await postgres.ExecuteAsync($"delete from moving where list = {list} and id = {anchor.Id}");
            }
            long moved = random.Next(1, 41);
            touched.Add(moved);
            await postgres.ExecuteAsync($"update moving set score = {(random.Next(4) == 0 ? "null" : random.Next(6))} where list = {list} and id = {moved}");
            long added = 1000 + seen.Count + random.Next(1_000_000);
            touched.Add(added);
            await postgres.ExecuteAsync($"insert into moving values ({list}, {added}, {random.Next(6)}) on conflict do nothing");
        }
        long[] untouched = [.. Enumerable.Range(1, 40).Select(i => (long)i).Where(id => !touched.Contains(id))];
        Assert.Equal(untouched, seen.Where(untouched.Contains).Order());
    }

    private Task<Page<Item>> ReadAsync(int list, PageRequest request, CancellationToken cancellationToken) => postgres.DataSource.QueryPageAsync(
        $"select id, score from moving where list = {list}", Order, request, r => new Item(r.GetInt64(0), r.IsDBNull(1) ? null : r.GetInt32(1)), cancellationToken);

    [Fact]
    public async Task A_page_past_the_end_is_empty_and_leads_back_to_every_row()
    {
        await postgres.ExecuteAsync("insert into moving select -1, i, i from generate_series(1, 10) i");
        Page<Item> first = await ReadAsync(-1, new PageRequest(5), default);
        await postgres.ExecuteAsync("delete from moving where list = -1 and score < 6");
        Page<Item> past = await ReadAsync(-1, new PageRequest(5, After: first.Next), default);
        Assert.Empty(past.Items);
        Assert.False(past.HasNext);
        Page<Item> back = await ReadAsync(-1, new PageRequest(5, Before: past.Previous), default);
        Assert.Equal([10, 9, 8, 7, 6], back.Items.Select(i => i.Id));
        Assert.Empty((await postgres.DataSource.QueryPageAsync("select id, score from moving where list = -2", Order, new PageRequest(5), r => new Item(0, 0))).Items);
    }
}
