using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using LocalServices;
using TierDemo.Servers;

namespace TierDemo.Serve;

/// <summary>One tier of the API: its worker processes, all listening on the same port.</summary>
public sealed class TierServer : IAsyncDisposable
{
    private readonly IReadOnlyList<LocalProcess> _processes;
    private readonly string _folder;

    private TierServer(Uri url, string folder, IReadOnlyList<LocalProcess> processes) => (Url, _folder, _processes) = (url, folder, processes);

    public Uri Url { get; }

    public int Workers => _processes.Count;

    /// <summary>What the workers have logged so far.</summary>
    public string Log => string.Concat(_processes.Select(process => process.LogTail()));

    /// <summary>Starts the workers and waits until each answers.</summary>
    /// <param name="tier">1 to 4.</param>
    /// <param name="port">A port on loopback; 0 takes a free one.</param>
    /// <param name="workers">Worker processes from tier 2 on; null means one per core. Tier 1 always has one, held to one core.</param>
    /// <param name="settings">The servers behind.</param>
    /// <param name="shed">Whether a <see cref="Door"/> stands before the API.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<TierServer> StartAsync(int tier, int port, int? workers, BackendSettings settings, bool shed, CancellationToken cancellationToken)
    {
        int count = tier == 1 ? 1 : workers ?? Environment.ProcessorCount;
        port = CheckedPort(port);
        string folder = Directory.CreateDirectory(Path.Combine(LocalProcess.TempFolder, $"tier-{tier}-{Guid.NewGuid().ToString("N")[..8]}")).FullName;
        var server = new TierServer(new Uri($"http://127.0.0.1:{port}/"), folder, [.. Enumerable.Range(0, count).Select(Launch)]);
        try
        {
            for (int i = 0; i < count; i++)
            {
                await WaitUntilReadyAsync(WorkerSocket.Path(folder, i), server._processes[i], cancellationToken);
            }

            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }

        LocalProcess Launch(int index) => LocalProcess.Start(
            $"worker-{index}",
            [.. OneCore(tier), .. Program(), WorkerCommand.Name],
            new Dictionary<string, string>
            {
                [WorkerSettings.Variable] = JsonSerializer.Serialize(new WorkerSettings(tier, port, index, count, folder, settings, shed)),
                ["TMPDIR"] = folder, // a killed worker's diagnostic socket goes with it
                // Each sizes its thread pool and heaps for its share: two workers that each plan for two cores took 15 % more CPU a write.
                ["DOTNET_PROCESSOR_COUNT"] = Math.Max(1, Environment.ProcessorCount / count).ToString(CultureInfo.InvariantCulture),
            });
    }

    /// <summary>Completes when a worker has ended.</summary>
    public Task WaitForExitAsync(CancellationToken cancellationToken) =>
        Task.WhenAny(_processes.Select(process => process.WaitForExitAsync(cancellationToken))).Unwrap();

    /// <summary>Lets the workers finish their requests, then ends them.</summary>
    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(_processes.Select(process => process.StopAsync(TimeSpan.FromSeconds(15))));
        foreach (LocalProcess process in _processes)
        {
            await process.DisposeAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }

    // Tier 1 is "one process = one core", as a Node process is.
    private static string[] OneCore(int tier) => tier == 1 && Binaries.Has("taskset") ? [Binaries.Find("taskset"), "-c", "0"] : [];

    // Our own executable, or, started by `dotnet TierDemo.dll` or from a test, dotnet with our assembly.
    private static string[] Program() => Path.GetFileName(Environment.ProcessPath) == nameof(TierDemo)
        ? [Environment.ProcessPath!]
        : [Binaries.Find("dotnet"), typeof(TierServer).Assembly.Location];

    private static int CheckedPort(int port)
    {
        // Workers share the port, so a second server would silently share it too: refuse what somebody else listens on.
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
            return ((IPEndPoint)socket.LocalEndPoint!).Port;
        }
        catch (SocketException)
        {
            throw new InvalidOperationException($"Port {port} is in use: stop what listens there, or give another --port.");
        }
    }

    private static async Task WaitUntilReadyAsync(string socket, LocalProcess process, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(TimeSpan.FromSeconds(60));
        using HttpClient client = WorkerSocket.CreateClient(socket);
        while (true)
        {
            try
            {
                using HttpResponseMessage answer = await client.GetAsync(new Uri("http://worker/health"), deadline.Token);
                return;
            }
            catch (HttpRequestException) when (!process.HasExited)
            {
                await Task.Delay(30, deadline.Token);
            }
            catch (HttpRequestException)
            {
                throw new InvalidOperationException($"A worker ended while starting:{Environment.NewLine}{process.LogTail()}");
            }
        }
    }
}
