using TierDemo.Seed;
using TierDemo.Serve;
using TierDemo.Servers;

namespace TierDemo.Tests;

/// <summary>One tier served for real: private servers, worker processes, a client.</summary>
internal sealed class Tier : IAsyncDisposable
{
    private readonly TierServer _server;

    private Tier(Backends backends, TierServer server)
    {
        (Backends, _server) = (backends, server);
        Client = new HttpClient { BaseAddress = server.Url, Timeout = TimeSpan.FromSeconds(30) };
    }

    public Backends Backends { get; }

    public HttpClient Client { get; }

    public Uri Url => _server.Url;

    public string Log => _server.Log;

    public static async Task<Tier> StartAsync(int tier, int workers = 2, bool shed = false)
    {
        Backends backends = await Backends.StartAsync(new BackendOptions(), tier, _ => { }, CancellationToken.None);
        await Seeder.SeedAsync(backends.Settings, tier, 1_000, _ => { }, CancellationToken.None);
        return new Tier(backends, await TierServer.StartAsync(tier, 0, workers, backends.Settings, shed, CancellationToken.None));
    }

    public async Task<(int Status, string? Cache, string Body)> SendAsync(HttpMethod method, string path, string? json = null)
    {
        using var request = new HttpRequestMessage(method, path);
        if (json is not null)
        {
            request.Content = new StringContent(json, System.Text.Encoding.UTF8, "application/json");
        }

        using HttpResponseMessage answer = await Client.SendAsync(request);
        string? cache = answer.Headers.TryGetValues("x-cache", out IEnumerable<string>? values) ? values.Single() : null;
        return ((int)answer.StatusCode, cache, await answer.Content.ReadAsStringAsync());
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _server.DisposeAsync();
        await Backends.DisposeAsync();
    }
}
