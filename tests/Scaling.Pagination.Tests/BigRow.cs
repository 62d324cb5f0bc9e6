using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Npgsql;

namespace Scaling.Pagination.Tests;

/// <summary>A row of the million-row table: <c>a</c> has 10 values, <c>b</c> 1,000, and every 12th <c>n</c> is NULL.</summary>
public sealed class BigRow
{
    public long Id { get; set; }
    public int A { get; set; }
    public int B { get; set; }
    public int? N { get; set; }

    public static BigRow Read(NpgsqlDataReader reader) =>
        new() { Id = reader.GetInt64(0), A = reader.GetInt32(1), B = reader.GetInt32(2), N = reader.IsDBNull(3) ? null : reader.GetInt32(3) };
}

/// <summary>The table and its indexes, made once.</summary>
public sealed class BigTable(PostgresServer postgres) : IAsyncLifetime
{
    public async ValueTask InitializeAsync()
    {
        await postgres.ExecuteAsync(Create);
        await postgres.ExecuteAsync("vacuum analyze big"); // on its own: not in a transaction
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private const string Create =
        """
        create table big (id bigint not null, a int not null, b int not null, n int);
        insert into big select i, i % 10, (i / 10 * 7919) % 1000, case when i % 12 <> 0 then (i * 104729) % 5000 end from generate_series(1::bigint, 1000000) i;
        create unique index on big (id);
        create index on big (a, b, id);
        create index on big (a, b desc, id);
        create index on big (n, id);
        create index on big (n nulls first, id);
        create index on big (a, n, id);
        create table label (a int primary key, label text not null);
        insert into label select i, 'label ' || i from generate_series(0, 9) i;
        analyze label;
        """;
}

public sealed class BigContext(string connectionString, IInterceptor interceptor) : DbContext
{
    public DbSet<BigRow> Rows => Set<BigRow>();

    protected override void OnConfiguring(DbContextOptionsBuilder optionsBuilder) => optionsBuilder.UseNpgsql(connectionString).AddInterceptors(interceptor);

    protected override void OnModelCreating(ModelBuilder modelBuilder) => modelBuilder.Entity<BigRow>(row =>
    {
        row.ToTable("big").HasKey(r => r.Id);
        foreach (string name in typeof(BigRow).GetProperties().Select(property => property.Name))
        {
            row.Property(name).HasColumnName(Internal.Identifier.SnakeCase(name));
        }
    });
}
