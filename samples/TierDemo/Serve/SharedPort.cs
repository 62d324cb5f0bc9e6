using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace TierDemo.Serve;

/// <summary>Lets several processes listen on one port (SO_REUSEPORT): the kernel deals out the connections.</summary>
internal static class SharedPort
{
    // From the Linux headers; .NET has no name for it.
    private const int SOL_SOCKET = 1;
    private const int SO_REUSEPORT = 15;

    public static Socket Create(EndPoint endPoint)
    {
        Socket socket = endPoint is IPEndPoint
            ? new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp)
            : SocketTransportOptions.CreateDefaultBoundListenSocket(endPoint);
        if (endPoint is IPEndPoint)
        {
            Span<byte> on = stackalloc byte[sizeof(int)];
            BitConverter.TryWriteBytes(on, 1);
            socket.SetRawSocketOption(SOL_SOCKET, SO_REUSEPORT, on);
            socket.Bind(endPoint);
        }

        return socket;
    }
}
