using System.Text;
using Prometheus;

namespace TierDemo.Serve;

/// <summary><c>/metrics</c>: whichever worker is asked, the answer is that of all of them together.</summary>
internal static class MetricsApi
{
    private const string ContentType = "text/plain; version=0.0.4; charset=utf-8";
    private const string OwnPath = "/metrics/own";

    public static void Map(IEndpointRouteBuilder routes, WorkerSettings settings)
    {
        Metrics.SuppressDefaultMetrics();
        MeterAdapter.StartListening(new MeterAdapterOptions
        {
            InstrumentFilterPredicate = instrument => instrument.Meter.Name.StartsWith("Scaling.", StringComparison.Ordinal),
        });
        HttpClient[] workers = [.. Enumerable.Range(0, settings.Workers).Select(index => WorkerSocket.CreateClient(WorkerSocket.Path(settings.Folder, index)))];
        routes.MapGet(OwnPath, async (HttpContext context, CancellationToken cancellationToken) =>
        {
            context.Response.ContentType = ContentType;
            await Metrics.DefaultRegistry.CollectAndExportAsTextAsync(context.Response.Body, cancellationToken);
        });
        routes.MapGet("/metrics", async (CancellationToken cancellationToken) =>
        {
            string[] texts = await Task.WhenAll(workers.Select(worker => worker.GetStringAsync(new Uri($"http://worker{OwnPath}"), cancellationToken)));
            return Results.Text(MetricsSum.Of(texts), ContentType, Encoding.UTF8);
        });
    }
}
