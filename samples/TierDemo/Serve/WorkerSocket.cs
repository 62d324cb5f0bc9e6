using System.Net.Sockets;

namespace TierDemo.Serve;

/// <summary>Each worker also listens on a Unix socket of its own: on the shared port nobody can address one worker.</summary>
internal static class WorkerSocket
{
    public static string Path(string folder, int index) => System.IO.Path.Combine(folder, $"worker-{index}.sock");

    public static HttpClient CreateClient(string path) => new(new SocketsHttpHandler
    {
        ConnectCallback = async (_, cancellationToken) =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        },
    })
    {
        Timeout = TimeSpan.FromSeconds(5),
    };
}
