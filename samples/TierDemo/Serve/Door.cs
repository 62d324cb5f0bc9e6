using Polly;
using Scaling.Resilience;

namespace TierDemo.Serve;

/// <summary>
/// Stands before the API where <c>--shed</c> is given: lets in as many requests at once as the tier can use, found by measuring, and refuses the rest
/// at once. Without it all of them wait, and beyond the ceiling all of them too long.
/// </summary>
/// <remarks>
/// A client that sends <c>x-request-deadline: 500m</c> waits that long: what would start later is not started, what runs into it is cancelled.
/// Each worker process has a door of its own.
/// </remarks>
internal sealed class Door(AdaptiveConcurrencyLimiter limiter)
{
    private const string Api = "/api";
    private const int Fewest = 10; // tier 1's pool: with fewer requests inside, connections to Postgres would stand idle

    // Ready made: a refusal must cost next to nothing, there are many of them just when nothing is left to spend.
    private static readonly byte[] Refusal =
        """{"type":"https://tools.ietf.org/html/rfc9110#section-15.6.4","title":"Overloaded","status":503,"detail":"More requests are under way than can be served in time: try again in a second."}"""u8.ToArray();

    private readonly ResiliencePipeline _pipeline = new ResiliencePipelineBuilder().AddDeadline().AddAdaptiveConcurrency(limiter).Build();

    public static void Add(IServiceCollection services) =>
        services.AddAdaptiveConcurrencyLimiter(options =>
        {
            options.Name = "api";
            options.Algorithm = static () => new KneeLimit(min: Fewest);
        }).AddSingleton<Door>();

    public async Task InvokeAsync(HttpContext http, RequestDelegate next)
    {
        if (!http.Request.Path.StartsWithSegments(Api))
        {
            await next(http); // health and metrics are wanted most when the API is full
            return;
        }

        using IDisposable? deadline = Deadline.TryParse(http.Request.Headers[Deadline.HeaderName], out Deadline? sent) ? sent.Enter() : null;
        CancellationToken aborted = http.RequestAborted;
        ResilienceContext context = ResilienceContextPool.Shared.Get(aborted);
        Outcome<bool> outcome = await _pipeline.ExecuteOutcomeAsync(ServeAsync, context, (http, next));
        ResilienceContextPool.Shared.Return(context);
        http.RequestAborted = aborted;
        if (outcome.Exception is ExecutionRejectedException && !http.Response.HasStarted)
        {
            await RefuseAsync(http.Response);
        }
        else
        {
            outcome.ThrowIfException();
        }
    }

    private static async ValueTask<Outcome<bool>> ServeAsync(ResilienceContext context, (HttpContext Http, RequestDelegate Next) request)
    {
        request.Http.RequestAborted = context.CancellationToken; // the endpoint's token: cancelled by the deadline too
        try
        {
            await request.Next(request.Http);
            return Outcome.FromResult(true);
        }
        catch (Exception exception)
        {
            return Outcome.FromException<bool>(exception);
        }
    }

    private static Task RefuseAsync(HttpResponse response)
    {
        response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        response.Headers.RetryAfter = "1";
        response.ContentType = "application/problem+json";
        response.ContentLength = Refusal.Length;
        return response.Body.WriteAsync(Refusal).AsTask();
    }
}
