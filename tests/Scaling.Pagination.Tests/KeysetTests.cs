using System.ComponentModel.DataAnnotations;
using Npgsql;

namespace Scaling.Pagination.Tests;

public sealed class KeysetTests(PostgresServer postgres)
{
    private sealed record Line(int Number, string Text, string? Note, int? Rank, [property: Key] Guid Reference);

    [Fact]
    public void A_keyset_without_a_unique_end_is_refused_when_it_is_built()
    {
        Assert.Throws<InvalidOperationException>(() => Keyset.For<Line>().ToKeyset());
        Assert.Throws<InvalidOperationException>(() => Keyset.For<Line>().Ascending(l => l.Number).ToKeyset());
        Assert.Throws<InvalidOperationException>(() => Keyset.For<Line>().Ascending(l => l.Number).Unique().Ascending(l => l.Text).ToKeyset());
        Assert.Throws<InvalidOperationException>(() => Keyset.For<Line>().Ascending(l => l.Rank, Nulls.Last).Unique().ToKeyset());
        Assert.Throws<InvalidOperationException>(() => Keyset.For<Line>().Ascending(l => l.Number).Descending(l => l.Number).Unique().ToKeyset());
        Keyset.For<Line>().Ascending(l => l.Number).Ascending(l => l.Text).Unique().ToKeyset();
        Keyset.For<Line>().Ascending(l => l.Reference).ToKeyset();
        Keyset.For<Line>().Ascending("line_id", l => l.Number).ToKeyset();
        Keyset.For<User>().Ascending(u => u.Id).ToKeyset();
    }

    [Fact]
    public void Undeclared_NULLs_are_refused()
    {
        Assert.Throws<ArgumentException>(() => Keyset.For<Line>().Ascending(l => l.Rank));
        Assert.Throws<ArgumentException>(() => Keyset.For<Line>().Ascending(l => l.Note));
        Assert.Throws<ArgumentException>(() => Keyset.For<Line>().Ascending("rank", l => l.Rank));
        Assert.Throws<ArgumentException>(() => Keyset.For<Line>().Ascending(l => l.Number, Nulls.First));
        Keyset<Line> notNull = Keyset.For<Line>().Ascending("note", l => l.Note!).Ascending(l => l.Reference);
        Assert.Throws<InvalidOperationException>(() => notNull.CursorFor(new Line(1, "", null, 1, default)));
    }

    [Fact]
    public void A_type_no_cursor_can_carry_is_refused_with_the_remedy() =>
        Assert.Contains("(int)", Assert.Throws<ArgumentException>(() => Keyset.For<Line>().Ascending("day", _ => DayOfWeek.Friday)).Message, StringComparison.Ordinal);

    [Fact]
    public async Task A_key_that_is_not_unique_after_all_is_an_error_and_not_a_lost_row()
    {
        Keyset<User> liar = Keyset.For<User>().Ascending(u => u.CreatedAt).Unique();
        await Assert.ThrowsAsync<InvalidOperationException>(() => postgres.DataSource.QueryPageAsync("select id, name, email, created_at from users", liar, new PageRequest(3), User.Read));
    }

    [Fact]
    public async Task Identifiers_are_quoted_whatever_they_contain()
    {
        const string Name = "a \"b\"; drop table users; --' $1 @x ü";
        Keyset<long> keyset = Keyset.For<long>().Ascending(Name, x => x).Unique();
        string query = $"select id as {Internal.Identifier.Quote(Name)} from users";
        Page<long> page = await postgres.DataSource.QueryPageAsync(query, keyset, new PageRequest(2, keyset.CursorFor(7)), r => r.GetInt64(0));
        Assert.Equal([8L, 9L], page.Items);
    }

    [Fact]
    public async Task A_command_brings_its_own_parameters_connection_and_transaction()
    {
        Keyset<long> keyset = Keyset.For<long>().Descending("id", x => x);
        await using NpgsqlConnection connection = await postgres.DataSource.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        await using (var insert = new NpgsqlCommand("insert into users values (5000, 'x', 'x', now())", connection, transaction))
        {
            await insert.ExecuteNonQueryAsync();
        }
        await using var command = new NpgsqlCommand("select id from users where id >= @from", connection, transaction);
        command.Parameters.AddWithValue("from", 999L);
        Page<long> page = await command.QueryPageAsync(keyset, new PageRequest(10), r => r.GetInt64(0));
        Assert.Equal([5000L, 1000L, 999L], page.Items);
    }

    [Theory]
    [InlineData("select id from users where id <> @a and id <> @b", "a", "b")]
    [InlineData("select id from users where id <> $1 and id <> $2", "", "")]
    public async Task A_commands_own_parameters_are_named_or_numbered(string query, string a, string b)
    {
        Keyset<long> keyset = Keyset.For<long>().Ascending("id", x => x);
        await using NpgsqlCommand command = postgres.DataSource.CreateCommand(query);
        command.Parameters.Add(new NpgsqlParameter<long>(a, 8));
        command.Parameters.Add(new NpgsqlParameter<long>(b, 10));
        Page<long> page = await command.QueryPageAsync(keyset, new PageRequest(3, keyset.CursorFor(7)), r => r.GetInt64(0));
        Assert.Equal([9L, 11L, 12L], page.Items);
    }

    [Fact]
    public void Expressions_and_delegates_give_one_result()
    {
        Keyset<User> expressions = Keyset.For<User>().Descending(u => u.CreatedAt).Ascending(u => u.Id);
        Keyset<User> delegates = Keyset.For<User>().Descending("created_at", u => u.CreatedAt).Ascending("id", u => u.Id);
        string cursor = expressions.CursorFor(new User { Id = 7, CreatedAt = DateTime.UnixEpoch });
        Assert.Equal(cursor, delegates.CursorFor(new User { Id = 7, CreatedAt = DateTime.UnixEpoch }));
        Assert.Equal(expressions.ToSql("select 1", new PageRequest(20, cursor)).Text, delegates.ToSql("select 1", new PageRequest(20, cursor)).Text);
    }

    [Fact]
    public async Task A_numeric_beyond_decimal_is_kept_as_text()
    {
        Keyset<(string Amount, int Id)> keyset = Keyset.For<(string, int)>().Ascending("amount", r => r.Item1, type: "numeric").Ascending("id", r => r.Item2);
        const string Query = "select amount_text, id, amount from (select amount::text amount_text, id, amount from (values (1, numeric '1e40'), (2, 'NaN'), (3, 2), (4, 1e40 + 1), (5, 10)) v (id, amount)) q";
        var seen = new List<int>();
        await foreach (Page<(string, int)> page in Pages.ReadAllAsync(new PageRequest(1), (request, ct) => postgres.DataSource.QueryPageAsync(Query, keyset, request, r => (r.GetString(0), r.GetInt32(1)), ct)))
        {
            seen.AddRange(page.Items.Select(item => item.Item2));
        }
        Assert.Equal([3, 5, 1, 4, 2], seen);
    }

    [Fact]
    public async Task Text_that_is_no_value_of_the_columns_type_is_a_bad_cursor()
    {
        Keyset<string> keyset = Keyset.For<string>().Ascending("amount", x => x, type: "numeric").Unique();
        InvalidCursorException refusal = await Assert.ThrowsAsync<InvalidCursorException>(() =>
            postgres.DataSource.QueryPageAsync("select 1::numeric as amount", keyset, new PageRequest(1, keyset.CursorFor("forged")), r => ""));
        Assert.Equal(InvalidCursorReason.Malformed, refusal.Reason);
    }

    [Fact]
    public void A_time_that_Postgres_would_round_is_refused()
    {
        Keyset<DateTime> keyset = Keyset.For<DateTime>().Descending("at", x => x).Unique();
        string cursor = keyset.CursorFor(new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc).AddTicks(1));
        Assert.Throws<InvalidOperationException>(() => keyset.ToSql("select 1", new PageRequest(1, cursor)));
    }

    [Fact]
    public void Parameter_types_equal_the_columns()
    {
        Keyset<User> newest = Keyset.For<User>().Descending(u => u.CreatedAt).Ascending(u => u.Id);
        KeysetSql sql = newest.ToSql("select 1", new PageRequest(20, newest.CursorFor(new User { Id = 7, CreatedAt = DateTime.UnixEpoch })));
        Assert.Equal([NpgsqlTypes.NpgsqlDbType.TimestampTz, NpgsqlTypes.NpgsqlDbType.Bigint], sql.Parameters.Select(p => p.NpgsqlDbType));
    }

    [Fact]
    public Task Linq_with_a_delegate_column_says_so() =>
        Assert.ThrowsAnyAsync<InvalidOperationException>(() => new long[] { 1 }.AsQueryable().ToPageAsync(Keyset.For<long>().Ascending("id", x => x), new PageRequest(1)));

    [Theory]
    [InlineData("CreatedAt", "created_at")]
    [InlineData("UserID", "user_id")]
    [InlineData("HTMLPage", "html_page")]
    [InlineData("Id", "id")]
    [InlineData("already_snake", "already_snake")]
    public void Column_names_are_snake_case_by_default(string property, string column) => Assert.Equal(column, Internal.Identifier.SnakeCase(property));
}
