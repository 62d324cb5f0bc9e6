namespace Scaling.Pagination.Tests;

public sealed class PagesTests
{
    private static readonly Keyset<int> Numbers = Keyset.For<int>().Ascending(x => x, column: "x").Unique();
    private static readonly IQueryable<int> List = Enumerable.Range(1, 10).AsQueryable();

    private static IAsyncEnumerable<Page<int>> Read(PageRequest first, CancellationToken cancellationToken = default) =>
        Pages.ReadAllAsync(first, (request, ct) => List.ToPageAsync(Numbers, request, ct), cancellationToken);

    [Fact]
    public async Task All_pages_forwards_and_backwards()
    {
        Assert.Equal(["1 2 3 4", "5 6 7 8", "9 10"], await Read(new PageRequest(4)).Select(page => string.Join(' ', page.Items)).ToArrayAsync());
        Assert.Equal(["7 8 9 10", "3 4 5 6", "1 2"], await Read(PageRequest.Last(4)).Select(page => string.Join(' ', page.Items)).ToArrayAsync());
        Assert.Equal(["1 2 3"], await Read(new PageRequest(4, Before: Numbers.CursorFor(4))).Select(page => string.Join(' ', page.Items)).ToArrayAsync());
    }

    [Fact]
    public async Task All_rows()
    {
        var rows = new List<int>();
        await foreach (int row in Read(new PageRequest(3)).SelectMany(page => page.Items))
        {
            rows.Add(row);
        }
        Assert.Equal(List, rows);
    }

    [Fact]
    public async Task Scope_and_keys_go_for_every_page()
    {
        PageRequest first = new(4) { Scope = "tenant", Keys = new CursorKeys(new byte[32]) };
        Assert.Equal(3, await Read(first).CountAsync());
        Page<int> page = await Read(first).FirstAsync();
        await Assert.ThrowsAsync<InvalidCursorException>(async () => await Read(new PageRequest(4, page.Next)).CountAsync());
    }

    [Fact]
    public async Task Cancellation_stops_between_pages()
    {
        using var stop = new CancellationTokenSource();
        int pages = 0;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (Page<int> page in Read(new PageRequest(1), stop.Token))
            {
                pages++;
                await stop.CancelAsync();
            }
        });
        Assert.Equal(1, pages);
    }
}
