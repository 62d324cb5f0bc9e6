using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Scaling.Pagination.Tests;

public sealed class User
{
    public long Id { get; set; }

    public string Name { get; set; } = "";

    public string Email { get; set; } = "";

    public DateTime CreatedAt { get; set; }

    public static User Read(NpgsqlDataReader reader) =>
        new() { Id = reader.GetInt64(0), Name = reader.GetString(1), Email = reader.GetString(2), CreatedAt = reader.GetDateTime(3) };
}

public sealed class UserContext(string connectionString) : DbContext
{
    public DbSet<User> Users => Set<User>();

    protected override void OnConfiguring(DbContextOptionsBuilder optionsBuilder) => optionsBuilder.UseNpgsql(connectionString);

    protected override void OnModelCreating(ModelBuilder modelBuilder) => modelBuilder.Entity<User>(user =>
    {
        user.ToTable("users");
        user.Property(u => u.Id).HasColumnName("id");
        user.Property(u => u.Name).HasColumnName("name");
        user.Property(u => u.Email).HasColumnName("email");
        user.Property(u => u.CreatedAt).HasColumnName("created_at");
    });
}
