using System.Collections.Concurrent;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Scaling.Pagination.Tests;

/// <summary>Writers on connections of their own insert, delete and move rows while a crawl reads the same list.</summary>
public sealed class ParallelWritersTests(PostgresServer postgres)
{
    private const int Rows = 1_500;
    private const int Writers = 3;
    private static readonly Keyset<Entry> Order = Keyset.For<Entry>().Descending(e => e.Score, Nulls.First).Ascending(e => e.Id);

    public static TheoryData<bool, bool, int> Crawls => new() { { false, false, 4 }, { false, true, 7 }, { true, false, 7 }, { true, true, 11 } };

    [Theory, MemberData(nameof(Crawls))]
    public async Task Rows_whose_key_stays_are_neither_skipped_nor_repeated(bool byEfCore, bool backward, int size)
    {
        await postgres.ExecuteAsync(
            $"""
            drop table if exists busy;
            create table busy (id bigint primary key, score int, note int not null default 0);
            insert into busy select i, nullif(i * 7919 % 40, 0) from generate_series(1, {Rows}) i;
            create index on busy (score desc nulls first, id);
            """);
        var churn = new Churn(postgres.DataSource);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        Task[] writers = [.. Enumerable.Range(0, Writers).Select(seed => churn.RunAsync(seed, stop.Token))];

        var seen = new List<long>();
        await using var db = new EntryContext(postgres.ConnectionString);
        PageRequest first = backward ? PageRequest.Last(size) : new PageRequest(size);
        try
        {
            await foreach (Page<Entry> page in Pages.ReadAllAsync(first, (request, ct) => byEfCore
                ? db.Entries.AsNoTracking().ToPageAsync(Order, request, ct)
                : postgres.DataSource.QueryPageAsync("select id, score from busy", Order, request, Entry.Read, ct)))
            {
                seen.AddRange(page.Items.Select(entry => entry.Id));
                if (page.Items.Count > 0) // the last page is empty when all that stood behind its cursor went meanwhile
                {
                    churn.Anchors.Enqueue(backward ? page.Items[0].Id : page.Items[^1].Id); // what the next cursor was made of
                }
                await churn.SomeWritesAsync(writers);
            }
        }
        finally
        {
            await stop.CancelAsync();
            await Task.WhenAll(writers); // none lives on into the next case, which makes the table anew
        }

        long[] repeated = [.. seen.Where(id => !churn.Moved.ContainsKey(id)).GroupBy(id => id).Where(rows => rows.Count() > 1).Select(rows => rows.Key)];
        Assert.Empty(repeated);
        Assert.Empty(Enumerable.Range(1, Rows).Select(i => (long)i).Where(id => !churn.Moved.ContainsKey(id) && !churn.Deleted.ContainsKey(id)).Except(seen));
        Assert.All(new[] { churn.Moved.Count, churn.Deleted.Count, churn.AnchorsDeleted, churn.Inserted }, count => Assert.True(count > 10, "the writers hardly wrote"));
    }

    /// <summary>What the writers do, and to which rows they did it.</summary>
    private sealed class Churn(NpgsqlDataSource source)
    {
        private const int MostInserts = 1_000; // the crawl must end
        private int _writes;
        private int _anchorsDeleted;
        private int _inserted;

        public ConcurrentQueue<long> Anchors { get; } = new();

        public ConcurrentDictionary<long, bool> Moved { get; } = new();

        public ConcurrentDictionary<long, bool> Deleted { get; } = new();

        public int AnchorsDeleted => _anchorsDeleted;

        public int Inserted => _inserted;

        public async Task RunAsync(int seed, CancellationToken stop)
        {
            var random = new Random(seed);
            await using NpgsqlConnection connection = await source.OpenConnectionAsync(CancellationToken.None);
            while (!stop.IsCancellationRequested)
            {
                await using var command = new NpgsqlCommand(Next(random), connection);
                await command.ExecuteNonQueryAsync(CancellationToken.None);
                Interlocked.Increment(ref _writes);
            }
        }

        /// <summary>The crawl waits for writes between two pages, so that every page meets a changed list.</summary>
        public async Task SomeWritesAsync(Task[] writers)
        {
            int enough = Volatile.Read(ref _writes) + Writers;
            while (Volatile.Read(ref _writes) < enough)
            {
                await Task.WhenAny(writers.Append(Task.Delay(1)));
                Assert.DoesNotContain(writers, writer => writer.IsCompleted);
            }
        }

        // A row is noted before it is written: the crawl may see the new state at once.
        private string Next(Random random)
        {
            if (Anchors.TryDequeue(out long anchor))
            {
                Interlocked.Increment(ref _anchorsDeleted);
                return Delete(anchor);
            }
            long any = random.Next(1, Rows + 1);
            switch (random.Next(8))
            {
                case 0:
                    return Delete(any);
                case 1 or 2:
                    Moved[any] = true;
                    return $"update busy set score = {Score(random)} where id = {any}";
                case 3 or 4 or 5 when _inserted < MostInserts:
                    return $"insert into busy values ({Rows + Interlocked.Increment(ref _inserted)}, {Score(random)})";
                default:
                    return $"update busy set note = note + 1 where id = {any}"; // the key stays, the row's place in the heap does not
            }
        }

        private string Delete(long id)
        {
            Deleted[id] = true;
            return $"delete from busy where id = {id}";
        }

        private static string Score(Random random) => random.Next(6) == 0 ? "null" : $"{random.Next(1, 40)}";
    }

    private sealed class Entry
    {
        public long Id { get; set; }

        public int? Score { get; set; }

        public static Entry Read(NpgsqlDataReader reader) => new() { Id = reader.GetInt64(0), Score = reader.IsDBNull(1) ? null : reader.GetInt32(1) };
    }

    private sealed class EntryContext(string connectionString) : DbContext
    {
        public DbSet<Entry> Entries => Set<Entry>();

        protected override void OnConfiguring(DbContextOptionsBuilder optionsBuilder) => optionsBuilder.UseNpgsql(connectionString);

        protected override void OnModelCreating(ModelBuilder modelBuilder) => modelBuilder.Entity<Entry>(entry =>
        {
            entry.ToTable("busy");
            entry.Property(e => e.Id).HasColumnName("id");
            entry.Property(e => e.Score).HasColumnName("score");
        });
    }
}
