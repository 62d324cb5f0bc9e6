using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Mvc;
using Polly;
using Scaling.Caching;
using Scaling.Pagination;
using Scaling.Sharding;

namespace TierDemo.Serve;

/// <summary>A request that cannot be answered as sent; becomes an RFC 9457 problem document.</summary>
internal sealed class ProblemException(int status, string title, string detail) : Exception(detail)
{
    public int Status { get; } = status;

    public string Title { get; } = title;
}

internal static class Problems
{
    private const int MaxShown = 50;

    /// <summary>What a client sent, short enough to repeat.</summary>
    public static string Shown(string text) => text.Length <= MaxShown ? text : text[..MaxShown] + "…";
}

/// <summary>Turns what went wrong into a problem document. What the client did is not logged; what we did is, by the middleware.</summary>
internal sealed class ProblemExceptionHandler(IProblemDetailsService problems) : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        // A page over all shards reports which shard refused; the client asked all of them.
        ProblemDetails? problem = (exception is ShardException { InnerException: InvalidCursorException or ExecutionRejectedException } shard ? shard.InnerException : exception) switch
        {
            ProblemException refused => Problem(refused.Status, refused.Title, refused.Message),
            InvalidCursorException cursor => Problem(
                400, "Bad cursor", $"{cursor.Message} Send the 'nextCursor' of the page before, a whole number (after this id), or no cursor for the first page."),
            BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => Problem(413, BodyLimit.TooLarge().Title, BodyLimit.TooLarge().Message),
            BadHttpRequestException bad => Problem(bad.StatusCode, "Bad request", $"The request could not be read: send {NewUserRules.Example}."),
            CacheLoadShedException => Problem(503, "Overloaded", "Too many requests wait for the database: try again in a second."),
            ExecutionRejectedException => Problem(503, "Overloaded", "The database cannot take this request now: try again in a second."),
            OperationCanceledException when httpContext.RequestAborted.IsCancellationRequested => Problem(499, "Client closed request", "Nobody waits for the answer."),
            _ => null,
        };
        if (problem is null)
        {
            return false;
        }

        httpContext.Response.StatusCode = problem.Status!.Value;
        if (problem.Status == StatusCodes.Status503ServiceUnavailable)
        {
            httpContext.Response.Headers.RetryAfter = "1";
        }

        return await problems.TryWriteAsync(new ProblemDetailsContext { HttpContext = httpContext, ProblemDetails = problem });
    }

    private static ProblemDetails Problem(int status, string title, string detail) => new() { Status = status, Title = title, Detail = detail };
}
