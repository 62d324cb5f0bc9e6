using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Scaling.Benchmarks;

/// <summary>A row of the table that is paged through.</summary>
public sealed class Post
{
    public long Id { get; set; }
    public string Title { get; set; } = "";
    public DateTime CreatedAt { get; set; }

    public static Post Read(NpgsqlDataReader reader) => new() { Id = reader.GetInt64(0), Title = reader.GetString(1), CreatedAt = reader.GetDateTime(2) };
}

internal sealed class PostContext(DbContextOptions<PostContext> options) : DbContext(options)
{
    protected override void OnModelCreating(ModelBuilder modelBuilder) => modelBuilder.Entity<Post>(post =>
    {
        post.ToTable("posts");
        post.Property(p => p.Id).HasColumnName("id");
        post.Property(p => p.Title).HasColumnName("title");
        post.Property(p => p.CreatedAt).HasColumnName("created_at");
    });
}
