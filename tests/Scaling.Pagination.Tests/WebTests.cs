using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Scaling.Pagination.Tests;

public sealed class WebTests(PostgresServer postgres)
{
    private static readonly Keyset<int> Numbers = Keyset.For<int>().Ascending(x => x, column: "x").Unique();
    private static readonly IQueryable<int> List = Enumerable.Range(1, 10).AsQueryable();

    [Theory]
    [InlineData(null, 20)]
    [InlineData(0, 20)]
    [InlineData(7, 7)]
    [InlineData(100, 100)]
    [InlineData(int.MaxValue, 100)]
    public void Page_sizes_follow_AIP_158(int? wanted, int size) => Assert.Equal(size, new Pager().Request(wanted).Size);

    [Fact]
    public void A_negative_size_and_two_cursors_are_errors()
    {
        Assert.Equal("size", Assert.Throws<ArgumentOutOfRangeException>(() => new Pager().Request(-1)).ParamName);
        Assert.Throws<ArgumentException>(() => new Pager().Request(1, "a", "b"));
        Assert.Throws<ArgumentOutOfRangeException>(() => new PageRequest(0));
        Assert.Throws<ArgumentException>(() => Numbers.ToSql("select 1", new PageRequest(1, "a", "b")));
    }

    [Fact]
    public async Task The_size_may_change_from_page_to_page()
    {
        Page<int> first = await List.ToPageAsync(Numbers, new PageRequest(3));
        Page<int> second = await List.ToPageAsync(Numbers, new PageRequest(4, first.Next));
        Assert.Equal([4, 5, 6, 7], second.Items);
    }

    [Fact]
    public async Task The_Link_header_keeps_the_query_and_replaces_the_cursor()
    {
        Page<int> first = await List.ToPageAsync(Numbers, new PageRequest(3));
        Page<int> second = await List.ToPageAsync(Numbers, new PageRequest(3, first.Next));
        Assert.Equal($"</users?limit=3&after={first.Next}>; rel=\"next\"", LinkHeader.For("/users?limit=3", first.Next));
        Assert.Equal(
            $"<https://x.org/users?limit=3&q=%C3%A9&after={second.Next}>; rel=\"next\", <https://x.org/users?limit=3&q=%C3%A9&before={second.Previous}>; rel=\"prev\"",
            LinkHeader.For($"https://x.org/users?limit=3&after={first.Next}&q=é#top", second.Next, second.Previous));
        Assert.Equal($"</users?cursor={first.Next}>; rel=\"next\"", LinkHeader.For("/users?cursor=old", first.Next, after: "cursor"));
        Assert.Equal("", LinkHeader.For("/users", next: null));
    }

    [Fact]
    public void The_Link_header_cannot_be_broken_out_of()
    {
        string header = LinkHeader.For("/users?q=>; rel=\"next\", <https://evil.example>\r\nSet-Cookie: x", next: "a>\r\n");
        Assert.DoesNotContain('\r', header);
        Assert.DoesNotContain('\n', header);
        Assert.Equal(1, header.Count(c => c == '<'));
        Assert.Equal(1, header.Count(c => c == '>'));
    }

    [Fact]
    public async Task A_connection_gives_each_row_its_cursor()
    {
        Page<int> second = await List.ToPageAsync(Numbers, new PageRequest(3, Numbers.CursorFor(3)));
        Connection<string> connection = second.Select(x => $"#{x}").ToConnection();
        Assert.Equal(["#4", "#5", "#6"], connection.Edges.Select(e => e.Node));
        Assert.Equal([4, 5, 6], connection.Edges.Select(e => List.ToPageAsync(Numbers, new PageRequest(1, e.Cursor)).Result.Items[0] - 1));
        Assert.True(connection.PageInfo.HasNextPage && connection.PageInfo.HasPreviousPage);
        Assert.Equal(second.Previous, connection.PageInfo.StartCursor);
        Assert.Equal(second.Next, connection.PageInfo.EndCursor);
        Assert.Equal("""{"Edges":[],"PageInfo":{"HasNextPage":false,"HasPreviousPage":false,"StartCursor":null,"EndCursor":null}}""",
            JsonSerializer.Serialize((await Array.Empty<int>().AsQueryable().ToPageAsync(Numbers, new PageRequest(1))).ToConnection()));
    }

    [Fact]
    public async Task Counts_are_exact_capped_or_estimated()
    {
        await postgres.ExecuteAsync("analyze users");
        Assert.Equal(1000, await postgres.DataSource.CountRowsAsync("select * from users where id <= 1000;"));
        Assert.Equal(100, await postgres.DataSource.CountRowsAsync("select * from users", cap: 100));
        Assert.Equal(7, await postgres.DataSource.CountRowsAsync("select * from users where id <= 7", cap: 100));
        Assert.InRange(await postgres.DataSource.EstimateRowsAsync("select * from users"), 900, 1100);
    }

    [Fact]
    public async Task The_pager_is_configured_and_checked_by_the_host()
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?> { ["P:MaxPageSize"] = "50", ["P:SigningKeys:0"] = Convert.ToBase64String(new byte[32]) });
        builder.Services.Configure<PaginationOptions>(builder.Configuration.GetSection("P"));
        builder.Services.AddPagination(o => o.DefaultPageSize = 10);
        using IHost host = builder.Build();
        await host.StartAsync();
        PageRequest request = host.Services.GetRequiredService<Pager>().Request(1000, scope: "s");
        Assert.Equal(50, request.Size);
        Assert.NotNull(request.Keys);
        Assert.Equal("s", request.Scope);
        await host.StopAsync();

        HostApplicationBuilder wrong = Host.CreateEmptyApplicationBuilder(null);
        wrong.Services.AddPagination(o => o.MaxPageSize = 5);
        using IHost refused = wrong.Build();
        await Assert.ThrowsAsync<OptionsValidationException>(() => refused.StartAsync());
    }
}
