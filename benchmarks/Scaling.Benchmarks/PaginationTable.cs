using System.Globalization;
using System.Text.RegularExpressions;
using LocalServices;
using Npgsql;

namespace Scaling.Benchmarks;

/// <summary>A Postgres of its own with ten million posts, three to a second, indexed for one direction and for mixed ones.</summary>
internal sealed partial class PaginationTable(LocalPostgres server, NpgsqlDataSource source, int backend) : IAsyncDisposable
{
    public const int Rows = 10_000_000;
    public const string All = "select id, title, created_at from posts";

    public NpgsqlDataSource Source => source;

    public static async Task<PaginationTable> CreateAsync()
    {
        LocalPostgres server = await LocalPostgres.StartAsync();
        NpgsqlDataSource source = NpgsqlDataSource.Create(server.ConnectionString + ";Max Auto Prepare=100;Command Timeout=600;Maximum Pool Size=1");
        await using NpgsqlConnection only = await source.OpenConnectionAsync();
        var table = new PaginationTable(server, source, only.ProcessID);
        await only.CloseAsync();
        await table.ExecuteAsync("create table posts (id bigint not null, title text not null, created_at timestamptz not null)");
        await table.ExecuteAsync($"insert into posts select i, 'post ' || i, timestamptz '2026-01-01' + (i / 3) * interval '1 second' from generate_series(1, {Rows}) i");
        await table.ExecuteAsync("create index on posts (created_at, id); create index on posts (created_at desc, id)");
        await table.ExecuteAsync("vacuum analyze posts");
        return table;
    }

    public async Task<List<Post>> ReadAsync(string sql, params NpgsqlParameter[] parameters)
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

    /// <summary>Pages of shared memory touched: exact, whatever else the machine does.</summary>
    public async Task<long> BuffersAsync(string sql, IEnumerable<NpgsqlParameter> parameters)
    {
        await using NpgsqlCommand command = source.CreateCommand($"explain (analyze, buffers) {sql}");
        command.Parameters.AddRange(parameters.Select(parameter => parameter.Clone()).ToArray());
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
        {
            if (BuffersLine().Match(reader.GetString(0)) is { Success: true } match)
            {
                return match.Groups.Values.Skip(1).Where(group => group.Success).Sum(group => long.Parse(group.Value, CultureInfo.InvariantCulture));
            }
        }
        return 0;
    }

    /// <summary>CPU time of the one backend so far (Linux: schedstat counts nanoseconds).</summary>
    public TimeSpan BackendCpu() =>
        TimeSpan.FromMicroseconds(long.Parse(File.ReadAllText($"/proc/{backend}/schedstat").Split(' ')[0], CultureInfo.InvariantCulture) / 1000.0);

    public async Task ExecuteAsync(string sql)
    {
        await using NpgsqlCommand command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await source.DisposeAsync();
        await server.DisposeAsync();
    }

    [GeneratedRegex(@"Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?")]
    private static partial Regex BuffersLine();
}
