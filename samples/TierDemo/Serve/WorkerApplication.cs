using System.IO.Compression;
using System.Net;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.ResponseCompression;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using TierDemo.Users;

namespace TierDemo.Serve;

/// <summary>Builds the web application of one worker: what each tier adds is here and in <see cref="TierServices"/>.</summary>
internal static class WorkerApplication
{
    public static async Task<WebApplication> CreateAsync(WorkerSettings settings)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders().AddSimpleConsole(options => options.SingleLine = true).SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.UseSockets(options => options.CreateBoundListenSocket = SharedPort.Create);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Listen(IPAddress.Loopback, settings.Port, listen => listen.Protocols = HttpProtocols.Http1);
            kestrel.ListenUnixSocket(WorkerSocket.Path(settings.Folder, settings.Index), listen => listen.Protocols = HttpProtocols.Http1);
        });
        builder.Services.ConfigureHttpJsonOptions(json => json.SerializerOptions.TypeInfoResolverChain.Insert(0, UserJson.Default));
        builder.Services.AddProblemDetails();
        builder.Services.AddExceptionHandler<ProblemExceptionHandler>();
        if (settings.Tier >= 2)
        {
            builder.Services.AddResponseCompression();
            builder.Services.Configure<GzipCompressionProviderOptions>(options => options.Level = CompressionLevel.Fastest);
            builder.Services.Configure<BrotliCompressionProviderOptions>(options => options.Level = CompressionLevel.Fastest);
        }

        if (settings.Shed)
        {
            Door.Add(builder.Services);
        }

        builder.Services.AddHealthChecks().AddCircuits();
        await TierServices.AddAsync(builder.Services, settings);

        WebApplication application = builder.Build();
        application.Use(CountAsync);
        application.UseExceptionHandler();
        application.UseStatusCodePages();
        if (settings.Tier >= 2)
        {
            application.UseResponseCompression();
        }

        if (settings.Shed)
        {
            application.Use(application.Services.GetRequiredService<Door>().InvokeAsync);
        }

        UsersApi.Map(application);
        MetricsApi.Map(application, settings);
        application.MapHealthChecks("/health", new HealthCheckOptions
        {
            ResponseWriter = (context, report) => context.Response.WriteAsJsonAsync(
                new HealthAnswer(report.Status == HealthStatus.Healthy ? "ok" : "degraded", settings.Tier), UserJson.Default.HealthAnswer),
        });
        return application;
    }

    private static async Task CountAsync(HttpContext context, RequestDelegate next)
    {
        await next(context);
        DemoMetrics.HttpRequests.Inc();
        if (context.Response.StatusCode >= StatusCodes.Status500InternalServerError)
        {
            DemoMetrics.Errors.Inc();
        }
    }
}
