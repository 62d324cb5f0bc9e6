using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Npgsql;
using Scaling.Pagination;

namespace Scaling.Benchmarks;

/// <summary>The ways to the page of 20 after some depth: by hand, ours, what others generate, OFFSET.</summary>
internal sealed class PaginationWays(PaginationTable table)
{
    public const string Hand = "hand-written SQL", Ours = "ours, SQL", EfHand = "hand-written EF Core", EfOurs = "ours, EF Core", Or = "OR-expansion", Offset = "OFFSET";
    public const string OneDirection = "one direction", Mixed = "mixed";

    // One direction: a row comparison. Mixed: two index ranges.
    private static readonly Keyset<Post> Same = Keyset.For<Post>().Descending(p => p.CreatedAt).Descending(p => p.Id);
    private static readonly Keyset<Post> Both = Keyset.For<Post>().Descending(p => p.CreatedAt).Ascending(p => p.Id);

    public async Task<PaginationWay[]> ToPageAsync(string order, int depth)
    {
        const string All = PaginationTable.All;
        bool mixed = order == Mixed;
        Keyset<Post> keyset = mixed ? Both : Same;
        string tail = $"order by created_at desc, id {(mixed ? "asc" : "desc")} limit 21";
        Post? at = depth == 0 ? null : (await table.ReadAsync($"{All} {tail} offset {depth - 1}"))[0];
        var request = new PageRequest(20, at is null ? null : keyset.CursorFor(at));
        NpgsqlParameter[] At() => at is null ? [] : [new NpgsqlParameter<DateTime> { TypedValue = at.CreatedAt }, new NpgsqlParameter<long> { TypedValue = at.Id }];
        string hand = at is null ? $"{All} {tail}"
            : mixed ? $"select * from (({All} where created_at = $1 and id > $2 {tail}) union all ({All} where created_at < $1 {tail})) p {tail}"
            : $"{All} where (created_at, id) < ($1, $2) {tail}";
        string or = at is null ? hand : $"{All} where created_at < $1 or (created_at = $1 and id {(mixed ? ">" : "<")} $2) {tail}";
        string offset = $"{All} {tail} offset {depth}";
        KeysetSql sql = keyset.ToSql(All, request);
        return
        [
            new(Hand, () => table.ReadAsync(hand, At()), hand, At(), order, depth),
            new(Ours, () => table.Source.QueryPageAsync(All, keyset, request, Post.Read), sql.Text, sql.Parameters, order, depth),
            await EfAsync(order, depth, EfHand, posts => HandWritten(posts, mixed, at).ToListAsync()),
            await EfAsync(order, depth, EfOurs, posts => posts.ToPageAsync(keyset, request)),
            new(Or, () => table.ReadAsync(or, At()), or, At(), order, depth),
            new(Offset, () => table.ReadAsync(offset), offset, [], order, depth),
        ];
    }

    private async Task<PaginationWay> EfAsync(string order, int depth, string how, Func<IQueryable<Post>, Task> read)
    {
        var capture = new Capture();
        DbContextOptions<PostContext> captured = new DbContextOptionsBuilder<PostContext>().UseNpgsql(table.Source).AddInterceptors(capture).Options;
        DbContextOptions<PostContext> options = new DbContextOptionsBuilder<PostContext>().UseNpgsql(table.Source).Options;
        await RunAsync(captured);
        return new(how, () => RunAsync(options), capture.Text, capture.Parameters, order, depth);

        async Task RunAsync(DbContextOptions<PostContext> with)
        {
            await using var db = new PostContext(with);
            await read(db.Set<Post>().AsNoTracking());
        }
    }

    // What a careful user of EF Core would write: the same index ranges.
    private static IQueryable<Post> HandWritten(IQueryable<Post> posts, bool mixed, Post? at)
    {
        IQueryable<Post> Top(IQueryable<Post> some) => (mixed ? some.OrderByDescending(p => p.CreatedAt).ThenBy(p => p.Id) : some.OrderByDescending(p => p.CreatedAt).ThenByDescending(p => p.Id)).Take(21);
        if (at is null)
        {
            return Top(posts);
        }
        (DateTime time, long id) = (at.CreatedAt, at.Id);
        IQueryable<Post> ties = mixed ? posts.Where(p => p.CreatedAt == time && p.Id > id) : posts.Where(p => p.CreatedAt == time && p.Id < id);
        return Top(Top(ties).Concat(Top(posts.Where(p => p.CreatedAt < time))));
    }

    private sealed class Capture : DbCommandInterceptor
    {
        public string Text { get; private set; } = "";

        public NpgsqlParameter[] Parameters { get; private set; } = [];

        public override ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result, CancellationToken cancellationToken = default)
        {
            (Text, Parameters) = (command.CommandText, [.. command.Parameters.Cast<NpgsqlParameter>()]);
            return ValueTask.FromResult(result);
        }
    }
}
