using Npgsql;

namespace Scaling.Batching.Tests;

[Trait("Kind", "Soak")]
public class SoakTests(PostgresServer postgres)
{
    private const int Writers = 2_000;
    private const int PerWriter = 500;

    [Fact]
    public async Task A_million_writes_with_a_tenth_cancelled_add_up_with_the_table()
    {
        string table = await postgres.TableAsync("id int not null, bad int check (bad = 0)");
        PostgresInsert<int> insert = new PostgresInsert<int>(table).Column("id", id => id).Column("bad", id => id % 5000 == 4999 ? 1 : 0);
        var batcher = new WriteBatcher<int>((ids, ct) => insert.ExecuteAsync(postgres.DataSource, ids, ct), new WriteBatcherOptions { MaxConcurrentBatches = 2, Capacity = 1500 });
        var acknowledged = new bool[Writers * PerWriter];
        int cancelled = 0, faulted = 0;

        await Task.WhenAll(Enumerable.Range(0, Writers).Select(writer => Task.Run(async () =>
        {
            var random = new Random(writer);
            for (int i = 0; i < PerWriter; i++)
            {
                int id = (writer * PerWriter) + i;
                using var cancel = random.Next(10) == 0 ? new CancellationTokenSource() : null;
                try
                {
                    ValueTask write = batcher.WriteAsync(id, cancel?.Token ?? default);
                    if (cancel is not null)
                    {
                        await Task.Yield();
                        await cancel.CancelAsync();
                    }

                    await write;
                    acknowledged[id] = true;
                }
                catch (OperationCanceledException)
                {
                    Interlocked.Increment(ref cancelled);
                }
                catch (PostgresException)
                {
                    Interlocked.Increment(ref faulted);
                }
            }
        }))).WaitAsync(TimeSpan.FromMinutes(5));
        await batcher.StopAsync().WithinDeadline();

        int written = acknowledged.Count(yes => yes);
        Assert.Equal(acknowledged.Length, written + cancelled + faulted);
        Assert.InRange(cancelled, 10_000, 110_000);
        Assert.InRange(faulted, 100, 200);
        Assert.Equal(written, await postgres.ReadAsync<long>($"select count(*) from {table}"));
        List<int> rows = await postgres.ListAsync<int>($"select id from {table}");
        Assert.Equal(written, rows.Distinct().Count());
        Assert.All(rows, id => Assert.True(acknowledged[id]));
    }
}
