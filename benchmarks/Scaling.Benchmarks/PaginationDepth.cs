using System.Data.Common;
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using LocalServices;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Npgsql;
using Scaling.Pagination;

namespace Scaling.Benchmarks;

/// <summary>A page of 20 at four depths of ten million rows: OFFSET, OR-expansion, ours by SQL and by EF Core, hand-written SQL.</summary>
internal sealed partial class PaginationDepth : IMacro
{
    private const int Rows = 10_000_000;
    private const string All = "select id, title, created_at from posts";
    private static readonly int[] Depths = [0, 1_000, 100_000, 9_900_000];

    // One direction: a row comparison. Mixed: two index ranges.
    private static readonly Keyset<Post> OneDirection = Keyset.For<Post>().Descending(p => p.CreatedAt).Descending(p => p.Id);
    private static readonly Keyset<Post> Mixed = Keyset.For<Post>().Descending(p => p.CreatedAt).Ascending(p => p.Id);

    public string Name => "pagination-depth";

    public async Task RunAsync()
    {
        await using LocalPostgres server = await LocalPostgres.StartAsync();
        await using NpgsqlDataSource source = NpgsqlDataSource.Create(server.ConnectionString + ";Max Auto Prepare=50;Command Timeout=600");
        await ExecuteAsync(source, "create table posts (id bigint not null, title text not null, created_at timestamptz not null)");
        await ExecuteAsync(source, $"insert into posts select i, 'post ' || i, timestamptz '2026-01-01' + (i / 3) * interval '1 second' from generate_series(1, {Rows}) i");
        await ExecuteAsync(source, "create index on posts (created_at, id); create index on posts (created_at desc, id)");
        await ExecuteAsync(source, "vacuum analyze posts");
        Console.WriteLine("| order | depth | how | ms (median) | × hand-written | buffers |\n|---|--:|---|--:|--:|--:|");
        foreach ((string order, Keyset<Post> keyset, string id, string after) in new[] { ("one direction", OneDirection, "desc", "<"), ("mixed", Mixed, "asc", ">") })
        {
            foreach (int depth in Depths)
            {
                await MeasureAsync(source, order, keyset, depth, id, after);
            }
        }
    }

    private static async Task MeasureAsync(NpgsqlDataSource source, string order, Keyset<Post> keyset, int depth, string id, string after)
    {
        var capture = new Capture();
        DbContextOptions<PostContext> options = new DbContextOptionsBuilder<PostContext>().UseNpgsql(source).AddInterceptors(capture).Options;
        string sorted = $"order by created_at desc, id {id}";
        Post? anchor = depth == 0 ? null : (await ReadAsync(source, $"{All} {sorted} limit 1 offset {depth - 1}", []))[0];
        var request = new PageRequest(20, anchor is null ? null : keyset.CursorFor(anchor));
        NpgsqlParameter[] At() => anchor is null ? [] : [new NpgsqlParameter<DateTime> { TypedValue = anchor.CreatedAt }, new NpgsqlParameter<long> { TypedValue = anchor.Id }];
        string tail = $"{sorted} limit 21";
        string handWritten = anchor is null ? $"{All} {tail}"
            : order == "mixed" ? $"select * from (({All} where created_at = $1 and id > $2 {tail}) union all ({All} where created_at < $1 {tail})) p {tail}"
            : $"{All} where (created_at, id) < ($1, $2) {tail}";
        string expanded = anchor is null ? handWritten : $"{All} where created_at < $1 or (created_at = $1 and id {after} $2) {tail}";
        KeysetSql sql = keyset.ToSql(All, request);
        (string How, Func<Task> Run, string Sql, NpgsqlParameter[] Parameters)[] ways =
        [
            ("hand-written SQL", async () => await ReadAsync(source, handWritten, At()), handWritten, At()),
            ("ours, SQL", async () => await source.QueryPageAsync(All, keyset, request, Post.Read), sql.Text, [.. sql.Parameters]),
            ("ours, EF Core", async () => { await using var db = new PostContext(options); await db.Set<Post>().AsNoTracking().ToPageAsync(keyset, request); }, "", []),
            ("OR-expansion", async () => await ReadAsync(source, expanded, At()), expanded, At()),
            ("OFFSET", async () => await ReadAsync(source, $"{All} {sorted} limit 21 offset {depth}", []), $"{All} {sorted} limit 21 offset {depth}", []),
        ];
        double[][] times = await RoundRobinAsync([.. ways.Select(way => way.Run)]);
        double hand = Median(times[0]);
        for (int i = 0; i < ways.Length; i++)
        {
            (string text, NpgsqlParameter[] parameters) = ways[i].Sql.Length > 0 ? (ways[i].Sql, ways[i].Parameters) : (capture.Text, capture.Parameters);
            string buffers = await BuffersAsync(source, text, parameters);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {order} | {depth:N0} | {ways[i].How} | {Median(times[i]):0.000} | {Median(times[i]) / hand:0.00} | {buffers} |"));
        }
    }

    /// <summary>All ways in turn, so that noise hits them alike; a slow one drops out when it has used its time.</summary>
    private static async Task<double[][]> RoundRobinAsync(Func<Task>[] ways)
    {
        List<double>[] times = [.. ways.Select(_ => new List<double>())];
        foreach (Func<Task> way in ways)
        {
            // Compile, connect, prepare.
            for (long start = Stopwatch.GetTimestamp(), i = 0; i < 300 && (i < 2 || Stopwatch.GetElapsedTime(start).TotalSeconds < 3); i++)
            {
                await way();
            }
        }
        for (int round = 0; round < 2_000; round++)
        {
            for (int way = 0; way < ways.Length; way++)
            {
                if (times[way].Count >= 3 && times[way].Sum() > 4_000)
                {
                    continue;
                }
                long start = Stopwatch.GetTimestamp();
                await ways[way]();
                times[way].Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }
        }
        return [.. times.Select(list => list.ToArray())];
    }

    private static async Task<List<Post>> ReadAsync(NpgsqlDataSource source, string sql, NpgsqlParameter[] parameters)
    {
        await using NpgsqlCommand command = source.CreateCommand(sql);
        command.Parameters.AddRange(parameters);
        var posts = new List<Post>();
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
        {
            posts.Add(Post.Read(reader));
        }
        return posts;
    }

    private static async Task<string> BuffersAsync(NpgsqlDataSource source, string sql, NpgsqlParameter[] parameters)
    {
        await using NpgsqlCommand command = source.CreateCommand($"explain (analyze, buffers) {sql}");
        command.Parameters.AddRange(Array.ConvertAll(parameters, parameter => parameter.Clone()));
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
        {
            if (BuffersLine().Match(reader.GetString(0)) is { Success: true } match)
            {
                long hit = match.Groups[1].Success ? long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : 0;
                long read = match.Groups[2].Success ? long.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture) : 0;
                return (hit + read).ToString("N0", CultureInfo.InvariantCulture);
            }
        }
        return "?";
    }

    private static async Task ExecuteAsync(NpgsqlDataSource source, string sql)
    {
        await using NpgsqlCommand command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    private static double Median(double[] values) => values.Order().ElementAt(values.Length / 2);

    [GeneratedRegex(@"Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?")]
    private static partial Regex BuffersLine();

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
