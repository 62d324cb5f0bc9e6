using System.Net;
using System.Net.Security;
using System.Net.Sockets;

namespace TierDemo.Load.Internal;

/// <summary>The resolved target: one address for all connections, and how to speak to it.</summary>
internal sealed class TargetHost
{
    private readonly SslClientAuthenticationOptions? _tls;

    private TargetHost(IPEndPoint address, string authority, SslClientAuthenticationOptions? tls)
    {
        Address = address;
        Authority = authority;
        _tls = tls;
    }

    public IPEndPoint Address { get; }

    /// <summary>The Host header.</summary>
    public string Authority { get; }

    /// <summary>Resolves the host once, so that the address that was checked is the address that is loaded.</summary>
    /// <exception cref="ArgumentException">The host is not this machine and nobody said it may be loaded, or it has no address.</exception>
    public static async Task<TargetHost> ResolveAsync(LoadPlan plan, CancellationToken ct)
    {
        IPAddress[] addresses;
        try
        {
            addresses = await Dns.GetHostAddressesAsync(plan.BaseUrl.DnsSafeHost, ct).ConfigureAwait(false);
        }
        catch (SocketException failure)
        {
            throw new ArgumentException($"The host '{plan.BaseUrl.DnsSafeHost}' has no address ({failure.Message}); check the URL.", nameof(plan), failure);
        }

        if (!plan.TargetIsMine && !Array.TrueForAll(addresses, IPAddress.IsLoopback))
        {
            throw new ArgumentException(
                $"'{plan.BaseUrl.Host}' is not this machine. A load test of somebody else's server is an attack: say that it is yours with --i-own-this-host (LoadPlan.TargetIsMine).",
                nameof(plan));
        }

        IPEndPoint address = await FirstThatAnswersAsync([.. addresses.Select(a => new IPEndPoint(a, plan.BaseUrl.Port))], plan.Timeout, ct).ConfigureAwait(false);
        SslClientAuthenticationOptions? tls = null;
        if (plan.BaseUrl.Scheme == Uri.UriSchemeHttps)
        {
            tls = new SslClientAuthenticationOptions { TargetHost = plan.BaseUrl.IdnHost };
            if (plan.AcceptAnyCertificate)
            {
#pragma warning disable CA5359 // the user asked for it, for a developer's own certificate; nothing secret is sent
                tls.RemoteCertificateValidationCallback = (_, _, _, _) => true;
#pragma warning restore CA5359 // as above
            }
        }

        return new TargetHost(address, plan.BaseUrl.Authority, tls);
    }

    public Socket CreateSocket() => new(Address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };

    public async ValueTask<Stream> OpenStreamAsync(Socket socket)
    {
        var plain = new NetworkStream(socket, ownsSocket: true);
        if (_tls is null)
        {
            return plain;
        }

        var secure = new SslStream(plain);
        await secure.AuthenticateAsClientAsync(_tls).ConfigureAwait(false);
        return secure;
    }

    /// <summary>"localhost" is ::1 and 127.0.0.1, and many servers listen on one of them. When none answers, the first is as good: its failures are what gets counted.</summary>
    private static async Task<IPEndPoint> FirstThatAnswersAsync(IPEndPoint[] addresses, TimeSpan timeout, CancellationToken ct)
    {
        if (addresses.Length == 1)
        {
            return addresses[0];
        }

        foreach (IPEndPoint address in addresses)
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
            limit.CancelAfter(timeout);
            using var probe = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await probe.ConnectAsync(address, limit.Token).ConfigureAwait(false);
                return address;
            }
            catch (Exception failure) when (failure is SocketException || (failure is OperationCanceledException && !ct.IsCancellationRequested))
            {
                // try the next
            }
        }

        return addresses[0];
    }
}
