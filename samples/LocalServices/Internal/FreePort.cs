using System.Net;
using System.Net.Sockets;

namespace LocalServices.Internal;

/// <summary>
/// Ports for servers that must come back on the same number after a kill. They are taken from below the
/// ephemeral range (32768 and up on Linux), where a client's outgoing connection could sit on them meanwhile.
/// </summary>
internal static class FreePort
{
    private const int Lowest = 20_000;
    private const int Highest = 32_000;

    private static readonly HashSet<int> Given = [];

    public static int Next()
    {
        for (int attempt = 0; attempt < 1_000; attempt++)
        {
            int port = Random.Shared.Next(Lowest, Highest);
            lock (Given)
            {
                if (IsFree(port) && Given.Add(port))
                {
                    return port;
                }
            }
        }

        throw new InvalidOperationException($"No free port between {Lowest} and {Highest}: stop some of the servers on this machine.");
    }

    private static bool IsFree(int port)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
