using System.Text.Json;
using Microsoft.AspNetCore.Http.Extensions;
using Microsoft.Extensions.Caching.Hybrid;
using Scaling.Caching;
using Scaling.Pagination;
using TierDemo.Users;

namespace TierDemo.Serve;

/// <summary>The guide's endpoints.</summary>
internal static class UsersApi
{
    private static readonly HybridCacheEntryOptions FirstPage = new() { Expiration = TimeSpan.FromSeconds(2) };

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/api/users", ListAsync);
        routes.MapGet("/api/users/{id}", FindAsync);
        routes.MapPost("/api/users", AddAsync);
    }

    private static async Task<IResult> ListAsync(HttpContext context, IUserStore users, CancellationToken cancellationToken)
    {
        ListQuery query = ListQuery.Parse(context.Request.Query);
        CacheAside? cache = context.RequestServices.GetService<CacheAside>();
        UserPage page;
        if (cache is not null && query is { Page: null, Cursor: null })
        {
            // Only the first page is hot enough to be worth a place in the cache.
            CacheResult<UserPage> cached = await cache.GetOrLoadAsync(
                $"users:first:{query.Limit}", token => users.PageAsync(null, query.Limit, token), FirstPage, cancellationToken: cancellationToken);
            Tell(context.Response, cached.Status);
            page = cached.Value;
        }
        else
        {
            // Tiers 1 and 2 page by OFFSET, so their plain list is page 1.
            page = (query.Page ?? (cache is null && query.Cursor is null ? 1 : null)) is { } number
                ? await users.OffsetPageAsync(number, query.Limit, cancellationToken)
                : await users.PageAsync(query.Cursor, query.Limit, cancellationToken);
        }

        if (query.Page is null && page.NextCursor is not null)
        {
            context.Response.Headers.Link = LinkHeader.For(context.Request.GetEncodedPathAndQuery(), page.NextCursor, after: "cursor");
        }

        return Results.Json(page, UserJson.Default.UserPage);
    }

    private static async Task<IResult> FindAsync(string id, HttpContext context, IUserStore users, CancellationToken cancellationToken)
    {
        if (!long.TryParse(id, out long number) || number < 1)
        {
            throw new ProblemException(400, "Not a user id", $"'{Problems.Shown(id)}' is not a user id: send a whole number from 1, for example /api/users/1.");
        }

        User? user;
        if (context.RequestServices.GetService<CacheAside>() is { } cache)
        {
            CacheResult<User?> cached = await cache.GetOrLoadAsync(
                $"user:{number}", token => users.FindAsync(number, token), cancellationToken: cancellationToken);
            Tell(context.Response, cached.Status);
            user = cached.Value;
        }
        else
        {
            user = await users.FindAsync(number, cancellationToken);
        }

        return user is null
            ? throw new ProblemException(404, "No such user", $"There is no user {number}.")
            : Results.Json(user, UserJson.Default.User);
    }

    private static async Task<IResult> AddAsync(HttpContext context, IUserStore users, CancellationToken cancellationToken)
    {
        (string name, string email) = NewUserRules.Check(await ReadAsync(context, cancellationToken));
        User user = await users.AddAsync(name, email, cancellationToken);
        if (context.RequestServices.GetService<CacheAside>() is { } cache)
        {
            await cache.InvalidateAsync($"user:{user.Id}", CancellationToken.None); // somebody may have been told, and a cache remember, that there is no such user
        }

        return Results.Json(user, UserJson.Default.User, statusCode: StatusCodes.Status201Created);
    }

    private static async Task<NewUser?> ReadAsync(HttpContext context, CancellationToken cancellationToken)
    {
        BodyLimit.Apply(context);
        try
        {
            return await JsonSerializer.DeserializeAsync(context.Request.Body, UserJson.Default.NewUser, cancellationToken);
        }
        catch (JsonException exception)
        {
            throw new ProblemException(400, "Not valid JSON", $"The body is not the JSON expected ({exception.Path ?? "$"}): send {NewUserRules.Example}.");
        }
    }

    private static void Tell(HttpResponse response, CacheStatus status)
    {
        response.Headers["x-cache"] = status.ToHeaderValue();
        (status is CacheStatus.HitLocal or CacheStatus.HitDistributed or CacheStatus.Stale ? DemoMetrics.CacheHits : DemoMetrics.CacheMisses).Inc();
    }
}
