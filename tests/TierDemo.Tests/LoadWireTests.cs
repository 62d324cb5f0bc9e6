using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Http;
using TierDemo.Load;

namespace TierDemo.Tests;

/// <summary>What goes over the wire, in both directions, against Kestrel.</summary>
public sealed class LoadWireTests : IAsyncLifetime
{
    private readonly LoadTarget _target = new();

    public ValueTask InitializeAsync() => _target.StartAsync();

    public ValueTask DisposeAsync() => _target.DisposeAsync();

    [Fact]
    public async Task A_gzip_body_is_read_to_its_end_and_counted_as_it_came()
    {
        byte[] packed = Gzip(new string('x', 200_000));
        _target.Answer = context =>
        {
            context.Response.Headers.ContentEncoding = "gzip";
            context.Response.ContentLength = packed.Length;
            return context.Response.Body.WriteAsync(packed).AsTask();
        };
        LoadResult result = await LoadGenerator.RunAsync(_target.Plan(LoadRequest.Get("/").WithHeader("Accept-Encoding", "gzip")));

        Clean(result);
        Assert.Equal(result.Requests, result.HeaderCount("content-encoding", "gzip"));
        Assert.InRange(result.BytesReceived / result.Requests, packed.Length, packed.Length + 300);
        Assert.All(_target.Seen, request => Assert.Equal("gzip", request.AcceptEncoding));
    }

    [Theory]
    [InlineData("GET", 204)]
    [InlineData("GET", 304)]
    [InlineData("HEAD", 200)]
    public async Task An_answer_that_has_no_body_by_definition_does_not_wait_for_one(string method, int status)
    {
        _target.Answer = context =>
        {
            context.Response.StatusCode = status;
            if (method == "HEAD")
            {
                context.Response.ContentLength = 1_000; // of the body that a GET would get
            }

            return Task.CompletedTask;
        };
        LoadResult result = await LoadGenerator.RunAsync(_target.Plan(new LoadRequest(method, "/")));

        Clean(result);
        Assert.Equal(result.Requests, result.Statuses[status]);
        Assert.InRange(_target.Connections, 1, 2); // kept alive: one of the plan's, one more if the machine stalls
    }

    [Fact]
    public async Task A_server_that_closes_after_each_answer_is_served_by_a_new_connection_each_time()
    {
        _target.Answer = context =>
        {
            context.Response.Headers.Connection = "close";
            return context.Response.WriteAsync("bye");
        };
        LoadResult result = await LoadGenerator.RunAsync(_target.Plan(LoadRequest.Get("/")));

        Clean(result);
        Assert.InRange(_target.Connections, result.Requests, result.Requests + 1);
    }

    [Fact]
    public async Task A_posted_body_arrives_whole_with_its_headers_and_its_ranges_filled()
    {
        _target.Answer = context => context.Response.WriteAsync("ok");
        LoadResult result = await LoadGenerator.RunAsync(_target.Plan(LoadRequest.PostJson("/users", """{"name":"Zoë","id":{1..3}}""")));

        Clean(result);
        Assert.All(_target.Seen, request => Assert.Equal(("POST", "/users", "application/json"), (request.Method, request.Path, request.ContentType)));
        Assert.Equal(
            ["""{"name":"Zoë","id":1}""", """{"name":"Zoë","id":2}""", """{"name":"Zoë","id":3}"""],
            _target.Seen.Select(request => request.Body).Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_body_without_a_length_ends_with_its_connection()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        Task serve = ServeAsync(listener);
        LoadResult result = await LoadGenerator.RunAsync(_target.Plan(LoadRequest.Get("/")) with { BaseUrl = new Uri($"http://{listener.LocalEndpoint}") });
        listener.Stop();
        await serve;

        Clean(result);

        static async Task ServeAsync(TcpListener listener)
        {
            try
            {
                while (true)
                {
                    using Socket client = await listener.AcceptSocketAsync();
                    await client.ReceiveAsync(new byte[4096]);
                    await client.SendAsync(Encoding.ASCII.GetBytes("HTTP/1.0 200 OK\r\n\r\nsome text"));
                    client.Shutdown(SocketShutdown.Send);
                    await client.ReceiveAsync(new byte[1]);
                }
            }
            catch (SocketException)
            {
                // stopped
            }
        }
    }

    [Fact]
    public async Task Https_is_loaded_too_but_an_unknown_certificate_only_when_told_so()
    {
        await using var secure = new LoadTarget(https: true);
        await secure.StartAsync();
        LoadPlan plan = secure.Plan(LoadRequest.Get("/"));

        LoadResult refused = await LoadGenerator.RunAsync(plan);
        Assert.Equal(refused.Requests, refused.Errors[LoadErrors.Tls]);
        Clean(await LoadGenerator.RunAsync(plan with { AcceptAnyCertificate = true }));
    }

    private static void Clean(LoadResult result)
    {
        Assert.True(result.Requests > 0);
        Assert.Empty(result.Errors);
    }

    private static byte[] Gzip(string text)
    {
        using var packed = new MemoryStream();
        using (var zip = new GZipStream(packed, CompressionLevel.Fastest))
        {
            zip.Write(Encoding.UTF8.GetBytes(text));
        }

        return packed.ToArray();
    }
}
