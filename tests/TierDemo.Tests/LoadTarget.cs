using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using TierDemo.Load;

namespace TierDemo.Tests;

/// <summary>A real server (Kestrel) that answers as a test says, and remembers what it was asked.</summary>
internal sealed class LoadTarget : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<string, bool> _connections = [];

    public LoadTarget(bool https = false)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => Secure(listen, https)));
        _app = builder.Build();
        _app.Run(AnswerAsync);
    }

    public Func<HttpContext, Task> Answer { get; set; } = _ => Task.CompletedTask;

    public ConcurrentQueue<SeenRequest> Seen { get; } = [];

    public int Connections => _connections.Count;

    public async ValueTask StartAsync() => await _app.StartAsync();

    /// <summary>One connection, a short while.</summary>
    public LoadPlan Plan(LoadRequest request) =>
        new(new Uri(_app.Urls.Single()), Workload.Of(request)) { Connections = 1, Duration = TimeSpan.FromMilliseconds(300) };

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private static void Secure(ListenOptions listen, bool https)
    {
        if (https)
        {
            listen.UseHttps(Certificate());
        }
    }

    private async Task AnswerAsync(HttpContext context)
    {
        _connections[context.Connection.Id] = true;
        using var reader = new StreamReader(context.Request.Body);
        Seen.Enqueue(new SeenRequest(
            context.Request.Method, context.Request.Path + context.Request.QueryString.ToString(), context.Request.ContentType, context.Request.Headers.AcceptEncoding.ToString(), await reader.ReadToEndAsync()));
        await Answer(context);
    }

    private static X509Certificate2 Certificate()
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }
}

internal sealed record SeenRequest(string Method, string Path, string? ContentType, string AcceptEncoding, string Body);
