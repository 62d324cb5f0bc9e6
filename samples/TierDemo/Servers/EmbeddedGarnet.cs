using System.Net;
using System.Net.Sockets;
using Garnet;

namespace TierDemo.Servers;

/// <summary>Microsoft.Garnet inside this process: the Redis of those who have none installed.</summary>
internal sealed class EmbeddedGarnet : IDisposable
{
    private readonly int _port;
    private GarnetServer? _server;

    private EmbeddedGarnet(int port)
    {
        _port = port;
        Revive();
    }

    public string ConnectionString => $"127.0.0.1:{_port}";

    public static EmbeddedGarnet Start() => new(FreePort());

    /// <summary>Ends the server and drops what it held.</summary>
    public void Kill()
    {
        // Garnet throws when it is disposed of twice.
        _server?.Dispose();
        _server = null;
    }

    /// <summary>Starts an empty server on the same port.</summary>
    public void Revive()
    {
        _server ??= new GarnetServer(["--bind", "127.0.0.1", "--port", $"{_port}", "--memory", "256m", "--index", "16m", "--lua", "true", "-q", "true"]);
        _server.Start();
    }

    public void Dispose() => Kill();

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
