using LocalServices;
using Npgsql;

namespace Scaling.Batching.Tests;

public class PostgresInsertTests(PostgresServer postgres)
{
    private sealed record Row(int Id, string? Text);

    private static PostgresInsert<Row> Insert(string table) => new PostgresInsert<Row>(table).Column("id", row => row.Id).Column("text", row => row.Text);

    [Theory]
    [InlineData(int.MaxValue)]
    [InlineData(0)]
    public async Task Types_are_those_of_the_table_by_unnest_and_by_copy(int copyAbove)
    {
        await postgres.ExecuteAsync("do $$ begin create type mood as enum ('glad', 'sad'); exception when duplicate_object then null; end $$");
        string table = await postgres.TableAsync(
            "\"Strange \"\"name\" bigint, small smallint, note varchar(5), fixed char(3), doc jsonb, mood mood, at timestamptz, day date, num numeric(6,2), flag boolean, uid uuid, bin bytea, opt int");
        PostgresInsert<int> insert = new PostgresInsert<int>(table)
            .Column("Strange \"name", i => i)
            .Column("small", i => i)
            .Column("note", i => $"n{i}")
            .Column("fixed", _ => "abc")
            .Column("doc", i => $$"""{"i": {{i}}}""")
            .Column("mood", _ => "sad")
            .Column("at", _ => DateTime.UnixEpoch)
            .Column("day", _ => new DateOnly(2026, 1, 2))
            .Column("num", _ => 12.34m)
            .Column("flag", _ => true)
            .Column("uid", _ => Guid.Empty)
            .Column("bin", _ => new byte[] { 1, 2 })
            .Column("opt", i => i % 2 == 0 ? i : (int?)null)
            .CopyAbove(copyAbove);

        await insert.ExecuteAsync(postgres.DataSource, [1, 2, 3]);

        Assert.Equal(
            ["(1,1,n1,abc,\"{\"\"i\"\": 1}\",sad,\"1970-01-01 00:00:00+00\",2026-01-02,12.34,t,00000000-0000-0000-0000-000000000000,\"\\\\x0102\",)"],
            await postgres.ListAsync<string>($"set timezone = 'UTC'; select t::text from {table} t where small = 1"));
        Assert.Equal(3L, await postgres.ReadAsync<long>($"select count(*) from {table}"));
    }

    [Theory]
    [InlineData("create view {0}_v as select * from {0}", "_v")]
    [InlineData("create role writer{0}; grant select, insert on {0} to writer{0}; alter table {0} enable row level security; create policy all_rows on {0} using (true)", "")]
    public async Task Where_copy_is_not_allowed_unnest_writes_however_many_rows(string setUp, string suffix)
    {
        string table = await postgres.TableAsync("id int, text text");
        await postgres.ExecuteAsync(string.Format(null, setUp, table));
        await using NpgsqlDataSource source = NpgsqlDataSource.Create(postgres.ConnectionString + (suffix.Length == 0 ? $";Options=-c role=writer{table}" : ""));
        PostgresInsert<Row> insert = Insert(table + suffix).CopyAbove(10);
        for (int round = 0; round < 2; round++)
        {
            await insert.ExecuteAsync(source, [.. Enumerable.Range(0, 100).Select(i => new Row(i, "x"))]);
        }

        Assert.Equal(200L, await postgres.ReadAsync<long>($"select count(*) from {table}"));
    }

    [Fact]
    public async Task Text_too_long_is_an_error_and_never_cut()
    {
        string table = await postgres.TableAsync("id int, text varchar(3)");
        var error = await Assert.ThrowsAsync<PostgresException>(() => Insert(table).ExecuteAsync(postgres.DataSource, [new(1, "long")]));
        Assert.Equal("22001", error.SqlState);
    }

    public static TheoryData<string, string, string?> Poisons => new()
    {
        { "unique", "id int primary key, text text", null },
        { "check", "id int, text text check (text <> 'bad')", null },
        { "not null", "id int, text text not null", null },
        { "too long", "id int, text varchar(3)", null },
        { "foreign key", "id int, text text references parents", "create table if not exists parents (name text primary key); insert into parents values ('ok') on conflict do nothing" },
        { "deferred foreign key", "id int, text text references parents deferrable initially deferred", "create table if not exists parents (name text primary key); insert into parents values ('ok') on conflict do nothing" },
        { "deferred unique", "id int, text text, unique (id) deferrable initially deferred", null },
        { "trigger", "id int, text text", "create or replace function refuse_bad() returns trigger language plpgsql as $$ begin if new.text = 'bad' then raise 'bad row'; end if; return new; end $$" },
        { "after trigger", "id int, text text", "create or replace function refuse_bad() returns trigger language plpgsql as $$ begin if new.text = 'bad' then raise 'bad row'; end if; return new; end $$" },
        { "lone surrogate", "id int, text text", null },
        { "nul", "id int, text text", null },
    };

    [Theory]
    [MemberData(nameof(Poisons))]
    public async Task One_bad_row_among_a_thousand_faults_one_task(string kind, string columns, string? before)
    {
        if (before is not null)
        {
            await postgres.ExecuteAsync(before);
        }

        Row bad = new(kind.Contains("unique") ? 1 : 500, kind switch { "not null" => null, "lone surrogate" => "\ud800", "nul" => "\0", "too long" => "long", "unique" or "deferred unique" => "ok", _ => "bad" });
        foreach (int copyAbove in new[] { int.MaxValue, 0 })
        {
            string table = await postgres.TableAsync(columns);
            if (kind.Contains("trigger"))
            {
                await postgres.ExecuteAsync($"create trigger refuse {(kind == "trigger" ? "before" : "after")} insert on {table} for each row execute function refuse_bad()");
            }

            PostgresInsert<Row> insert = Insert(table).CopyAbove(copyAbove);
            int calls = 0;
            await using var batcher = new WriteBatcher<Row>((rows, ct) =>
            {
                calls++;
                return insert.ExecuteAsync(postgres.DataSource, rows, ct);
            });
            Task[] writes = [.. Enumerable.Range(0, 1000).Select(i => batcher.WriteAsync(i == 500 ? bad : new Row(i, "ok")).AsTask())];
            Exception?[] errors = await Task.WhenAll(writes.Select(write => write.ErrorAsync()));

            Exception error = Assert.Single(errors, error => error is not null)!;
            Assert.True(kind is "lone surrogate" or "nul" ? error is ArgumentException : error is PostgresException, error.ToString());
            Assert.Equal(999L, await postgres.ReadAsync<long>($"select count(*) from {table}"));
            Assert.Equal(999L, await postgres.ReadAsync<long>($"select count(distinct id) from {table}"));
            Assert.InRange(calls, 2, 2 + 1 + (2 * 10));
        }
    }

    [Fact]
    public async Task An_error_that_is_no_rows_fault_is_not_bisected()
    {
        int calls = 0;
        await using var batcher = new WriteBatcher<Row>((rows, ct) =>
        {
            calls++;
            return Insert("no_such_table").ExecuteAsync(postgres.DataSource, rows, ct);
        }, new WriteBatcherOptions { MaxDelay = TimeSpan.FromMinutes(1) });
        Task[] writes = [.. Enumerable.Range(0, 100).Select(i => batcher.WriteAsync(new Row(i, "ok")).AsTask())];
        await batcher.FlushAsync();
        foreach (Task write in writes)
        {
            Assert.Equal("42P01", Assert.IsType<PostgresException>(await write.ErrorAsync()).SqlState);
        }

        Assert.InRange(calls, 1, 2);
    }

    [Fact]
    public async Task Results_belong_to_their_items_also_when_rows_existed_and_keys_repeat()
    {
        string table = await postgres.TableAsync("id int unique, text text, serial bigint generated always as identity");
        await Insert(table).ExecuteAsync(postgres.DataSource, [new(3, "old"), new(7, "old")]);
        int[] ids = [9, 3, 1, 7, 9, 2, 3];
        foreach (bool update in new[] { false, true })
        {
            PostgresInsert<Row> insert = Insert(table);
            insert = update ? insert.OnConflictDoUpdate("id") : insert.OnConflictDoNothing("id");
            int n = 0;
            IReadOnlyList<long> serials = await insert.Returning<long>("serial").ExecuteAsync(postgres.DataSource, [.. ids.Select(id => new Row(id, $"new{n++}"))]);
            for (int i = 0; i < ids.Length; i++)
            {
                Assert.Equal(await postgres.ReadAsync<long>($"select serial from {table} where id = {ids[i]}"), serials[i]);
            }

            Assert.Equal(update ? "new4" : "new0", await postgres.ReadAsync<string>($"select text from {table} where id = 9"));
            Assert.Equal(update ? "new6" : "old", await postgres.ReadAsync<string>($"select text from {table} where id = 3"));
        }
    }

    [Fact]
    public async Task Plain_results_are_in_the_order_of_the_items()
    {
        string table = await postgres.TableAsync("id int, text text, serial bigint generated always as identity");
        PostgresInsert<Row, int> insert = Insert(table).Returning<int>("id");
        Row[] rows = [.. Enumerable.Range(0, 5000).Select(i => new Row(i * 7919 % 5000, "x"))];
        Assert.Equal(rows.Select(row => row.Id), await insert.ExecuteAsync(postgres.DataSource, rows));
    }

    [Fact]
    public async Task Results_that_a_trigger_made_unmatchable_are_an_unknown_outcome()
    {
        string table = await postgres.TableAsync("id int, text text");
        await postgres.ExecuteAsync($"create function swallow_{table}() returns trigger language plpgsql as $$ begin return case when new.id = 2 then null else new end; end $$; create trigger swallow before insert on {table} for each row execute function swallow_{table}()");
        await Assert.ThrowsAsync<WriteOutcomeUnknownException>(() => Insert(table).Returning<int>("id").ExecuteAsync(postgres.DataSource, [new(1, ""), new(2, ""), new(3, "")]));
    }

    [Fact]
    public async Task A_null_in_the_conflict_key_faults_its_row_only()
    {
        string table = await postgres.TableAsync("id int, text text unique");
        PostgresInsert<Row> insert = Insert(table).OnConflictDoNothing("text");
        var error = await Assert.ThrowsAsync<RowFaultException>(() => insert.ExecuteAsync(postgres.DataSource, [new(1, "a"), new(2, null)]));
        Assert.Equal(1, error.Index);
    }

    [Fact]
    public async Task Overlapping_upserts_do_not_deadlock_and_every_caller_completes()
    {
        string table = await postgres.TableAsync("id int primary key, text text");
        PostgresInsert<Row, string> insert = Insert(table).OnConflictDoUpdate("id").Returning<string>("text");
        await using var batcher = new WriteBatcher<Row, string>(
            (rows, ct) => insert.ExecuteAsync(postgres.DataSource, rows, ct), new WriteBatcherOptions { MaxConcurrentBatches = 6, MaxBatchSize = 200 });
        await Task.WhenAll(Enumerable.Range(0, 10_000).Select(i => batcher.WriteAsync(new Row(Random.Shared.Next(300), $"{i}")).AsTask())).WithinDeadline();
        Assert.Equal(300L, await postgres.ReadAsync<long>($"select count(*) from {table}"));
    }

    [Fact]
    public async Task It_works_through_pgbouncer_in_transaction_mode()
    {
        string table = await postgres.TableAsync("id int unique, text text");
        await using LocalPgBouncer bouncer = await LocalPgBouncer.StartAsync(new Dictionary<string, string> { ["postgres"] = postgres.ConnectionString });
        await using NpgsqlDataSource dataSource = NpgsqlDataSource.Create(bouncer.ConnectionStringFor("postgres"));
        await Task.WhenAll(Enumerable.Range(0, 20).Select(batch =>
            Insert(table).Returning<int>("id").ExecuteAsync(dataSource, [.. Enumerable.Range(batch * 50, 50).Select(i => new Row(i, "x"))])));
        await Insert(table).OnConflictDoNothing("id").ExecuteAsync(dataSource, [.. Enumerable.Range(0, 2000).Select(i => new Row(i, "x"))]);
        await Insert(table).CopyAbove(0).ExecuteAsync(dataSource, [.. Enumerable.Range(2000, 100).Select(i => new Row(i, "x"))]);
        Assert.Equal(2100L, await postgres.ReadAsync<long>($"select count(*) from {table}"));
    }

    [Fact]
    public async Task A_table_that_was_altered_is_looked_at_again()
    {
        string table = await postgres.TableAsync("id int, text text");
        PostgresInsert<Row> insert = Insert(table);
        await insert.ExecuteAsync(postgres.DataSource, [new(1, "1")]);
        await postgres.ExecuteAsync($"alter table {table} alter column text type jsonb using text::jsonb");
        await Assert.ThrowsAsync<PostgresException>(() => insert.ExecuteAsync(postgres.DataSource, [new(2, "2")]));
        await insert.ExecuteAsync(postgres.DataSource, [new(2, "2")]);
        Assert.Equal(2L, await postgres.ReadAsync<long>($"select count(*) from {table}"));
    }

    [Theory]
    [InlineData(int.MaxValue)]
    [InlineData(0)]
    public async Task A_column_of_arrays_takes_their_text(int copyAbove)
    {
        string table = await postgres.TableAsync("id int, numbers int[], words text[]");
        await new PostgresInsert<int>(table).Column("id", i => i).Column("numbers", i => $"{{{i},{i + 1}}}").Column("words", _ => "{a,\"b c\"}").CopyAbove(copyAbove)
            .ExecuteAsync(postgres.DataSource, [1, 2]);
        Assert.Equal("(\"{1,2}\",\"{a,\"\"b c\"\"}\")", await postgres.ReadAsync<string>($"select (numbers, words)::text from {table} where id = 1"));
        Assert.Equal(3, await postgres.ReadAsync<int>($"select numbers[2] from {table} where id = 2"));
    }

    [Fact]
    public async Task Mistakes_in_the_shape_are_named()
    {
        string table = await postgres.TableAsync("id int, text text");
        Assert.Contains("flatten", Assert.Throws<ArgumentException>(() => new PostgresInsert<Row>(table).Column("id", row => new int[row.Id])).Message);
        Assert.Contains("flatten", Assert.Throws<ArgumentException>(() => new PostgresInsert<Row>(table).Column("id", row => new List<int> { row.Id })).Message);
        Assert.Contains("added already", Assert.Throws<ArgumentException>(() => Insert(table).Column("id", row => row.Id)).Message);
        Assert.Contains("not among", (await Assert.ThrowsAsync<InvalidOperationException>(() => Insert(table).OnConflictDoNothing("x").ExecuteAsync(postgres.DataSource, [new(1, "")]))).Message);
        Assert.Contains("has no column", (await Assert.ThrowsAsync<InvalidOperationException>(() => Insert(table).Column("x", _ => 1).ExecuteAsync(postgres.DataSource, [new(1, "")]))).Message);
        PostgresInsert<Row> used = Insert(table);
        await used.ExecuteAsync(postgres.DataSource, []);
        Assert.Contains("been used", Assert.Throws<InvalidOperationException>(() => used.Column("y", _ => 1)).Message);
    }
}
