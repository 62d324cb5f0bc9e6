using System.Numerics;
using Npgsql;

namespace Scaling.Pagination.Tests;

/// <summary>Each type a key can have, through a cursor and a parameter, against Postgres's own order.</summary>
public sealed class TypeTests(PostgresServer postgres)
{
    private sealed record Row<TValue>(long Id, TValue Value);

    [Fact]
    public Task Smallint() => PagesAsync<short>("smallint", "(-32768), (32767), (0), (0)");

    [Fact]
    public Task Bigint() => PagesAsync<long>("bigint", "(-9223372036854775808), (9223372036854775807), (0), (9007199254740993), (9007199254740992)");

    [Fact]
    public Task Real_with_NaN_and_the_infinities() => PagesAsync<float>("real", "('NaN'), ('NaN'), ('Infinity'), ('-Infinity'), ('-0'), (0), (1e-45), (0.1)");

    [Fact]
    public Task Double_with_NaN_and_the_infinities() => PagesAsync<double>("double precision", "('NaN'), ('NaN'), ('Infinity'), ('-Infinity'), ('-0'), (0), (5e-324), (0.1)");

    [Fact]
    public Task Numeric_within_decimal() => PagesAsync<decimal>("numeric", "(1.0), (1.000), (79228162514264337593543950335), (0.0000000000000000000000000001), (-5)");

    [Fact]
    public Task Integers_beyond_decimal() => PagesAsync<BigInteger>("numeric", "(1e60), (1e60 + 1), (-1e60), (7), (7)");

    [Fact]
    public Task Uuid_of_versions_4_and_7() => PagesAsync<Guid>("uuid", "('ffffffff-ffff-4fff-bfff-ffffffffffff'), ('0190163d-8694-739b-aea5-966c26f8ad91'), ('0190163d-8694-739b-aea5-966c26f8ad90'), ('0190163d-8693-7fff-8fff-ffffffffffff'), ('01000000-0000-0000-0000-000000000000'), ('00000001-0000-0000-0000-000000000000')");

    [Fact]
    public Task Timestamp_to_the_microsecond() => PagesAsync<DateTime>("timestamp", "('2026-01-01 00:00:00.000001'), ('2026-01-01 00:00:00.000002'), ('infinity'), ('-infinity'), ('1969-12-31 23:59:59.999999')");

    [Fact]
    public Task Timestamptz_as_an_instant() => PagesAsync<DateTimeOffset>("timestamptz", "('2026-01-01 00:00:00.000001+00'), ('2026-01-01 01:00:00.000001+01'), ('infinity'), ('-infinity'), ('1969-12-31 23:59:59.999999+00')");

    [Fact]
    public Task Date_with_the_infinities() => PagesAsync<DateOnly>("date", "('2026-01-01'), ('2026-01-02'), ('infinity'), ('-infinity'), ('2026-01-02')");

    [Fact]
    public Task Time() => PagesAsync<TimeOnly>("time", "('00:00'), ('23:59:59.999999'), ('12:00:00.000001'), ('12:00')");

    [Fact]
    public Task Interval() => PagesAsync<TimeSpan>("interval", "('-1 day'), ('1 microsecond'), ('24 hours'), ('1 day'), ('0')");

    [Fact]
    public Task Boolean() => PagesAsync<bool>("boolean", "(true), (false), (true), (false)");

    [Fact]
    public Task Bytea() => PagesAsync<byte[]>("bytea", "(''), ('\\x00'), ('\\xff'), ('\\x00ff'), ('\\xff')");

    [Fact]
    public Task Text_with_what_UTF_16_sorts_otherwise() => PagesAsync<string>("text", "(U&'\\FFFD'), (U&'\\+01F600'), ('a'), ('A'), (''), ('ä')");

    private async Task PagesAsync<TValue>(string type, string values)
    {
        string query = $"select row_number() over () as id, value::{type} as value from (values {values}) v (value)";
        foreach (bool down in new[] { false, true })
        {
            KeysetBuilder<Row<TValue>> builder = Keyset.For<Row<TValue>>();
            Keyset<Row<TValue>> keyset = (down ? builder.Descending("value", r => r.Value) : builder.Ascending("value", r => r.Value)).Ascending("id", r => r.Id);
            var expected = new List<long>();
            await using NpgsqlCommand unpaged = postgres.DataSource.CreateCommand($"select id from ({query}) q order by value {(down ? "desc" : "asc")}, id");
            await using (NpgsqlDataReader reader = await unpaged.ExecuteReaderAsync())
            {
                while (await reader.ReadAsync())
                {
                    expected.Add(reader.GetInt64(0));
                }
            }
            Assert.Equal(expected, await CrawlAsync(query, keyset, new PageRequest(1)));
            Assert.Equal(expected, (await CrawlAsync(query, keyset, PageRequest.Last(1))).Reverse());
        }
    }

    private async Task<long[]> CrawlAsync<TValue>(string query, Keyset<Row<TValue>> keyset, PageRequest first)
    {
        Row<TValue> Read(NpgsqlDataReader reader) => new(reader.GetInt64(0), reader.GetFieldValue<TValue>(1));
        var ids = new List<long>();
        await foreach (Page<Row<TValue>> page in Pages.ReadAllAsync(first, (request, ct) => postgres.DataSource.QueryPageAsync(query, keyset, request, Read, ct)))
        {
            ids.AddRange(page.Items.Select(row => row.Id));
        }
        return [.. ids];
    }
}
