using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Scaling.Caching.Tests;

/// <summary>The README's snippet, verbatim between the markers.</summary>
public class ReadmeTests
{
    [Fact]
    public async Task The_snippet_compiles_and_starts_without_a_Redis()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();

        // <snippet>
builder.Services.AddCacheAside(o => o.Expiration = TimeSpan.FromMinutes(5))
                .AddRedis("localhost:6379");
        // </snippet>
        builder.Services.AddSingleton<UserStore>();
        await using WebApplication app = builder.Build();
        // <snippet>
app.MapGet("/api/users/{id:long}", async (long id, CacheAside cache, UserStore users, HttpResponse response, CancellationToken ct) =>
{
    CacheResult<User?> user = await cache.GetOrLoadAsync($"user:{id}", token => users.FindAsync(id, token), cancellationToken: ct);
    response.Headers["x-cache"] = user.Status.ToHeaderValue();      // HIT | MISS | STALE | BYPASS
    return user.Value is null ? Results.NotFound() : Results.Ok(user.Value);
});
        // </snippet>

        (CacheAside cache, UserStore users, long[] ids) = (app.Services.GetRequiredService<CacheAside>(), app.Services.GetRequiredService<UserStore>(), [1, 2]);
        // <snippet>
IReadOnlyDictionary<long, CacheResult<User?>> found = await cache.GetManyAsync(ids, id => $"user:{id}", (missing, token) => users.FindManyAsync(missing, token));
        // </snippet>
        Assert.Equal(["Ada", null], found.Values.Select(one => one.Value?.Name));

        CacheAside resolved = app.Services.GetRequiredService<CacheAside>();
        Assert.Same(resolved, app.Services.GetRequiredService<Microsoft.Extensions.Caching.Hybrid.HybridCache>());
    }

    public sealed record User(long Id, string Name);

    public sealed class UserStore
    {
        private readonly User _ada = new(1, "Ada");

        public Task<Dictionary<long, User>> FindManyAsync(IReadOnlyList<long> ids, CancellationToken cancellationToken) =>
            Task.FromResult(ids.Where(id => id == _ada.Id).ToDictionary(id => id, _ => _ada));

        public Task<User?> FindAsync(long id, CancellationToken cancellationToken) => Task.FromResult(id == _ada.Id ? _ada : null);
    }
}
