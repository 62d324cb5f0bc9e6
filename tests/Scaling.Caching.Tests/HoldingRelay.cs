using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Scaling.Caching.Tests;

/// <summary>
/// A TCP relay before a server that can hold the server's answers back until the client has sent a text so many times: a client that waits for one answer
/// before it asks the next question never gets any.
/// </summary>
internal sealed class HoldingRelay : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private readonly Task _accepting;
    private readonly int _serverPort;
    private TaskCompletionSource? _hold;
    private string _text = "";
    private int _left;

    public HoldingRelay(int serverPort)
    {
        _serverPort = serverPort;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public bool WasReleased => _hold is { Task.IsCompleted: true };

    public void HoldAnswersUntilSeen(string text, int times)
    {
        lock (_lock)
        {
            (_text, _left, _hold) = (text, times, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            TcpClient client = await _listener.AcceptTcpClientAsync(_stop.Token);
            var server = new TcpClient { NoDelay = true };
            await server.ConnectAsync(IPAddress.Loopback, _serverPort, _stop.Token);
            client.NoDelay = true;
            _ = PumpAsync(client.GetStream(), server.GetStream(), isQuestion: true);
            _ = PumpAsync(server.GetStream(), client.GetStream(), isQuestion: false);
        }
    }

    private async Task PumpAsync(NetworkStream from, NetworkStream to, bool isQuestion)
    {
        var buffer = new byte[64 * 1024];
        string carried = "";
        try
        {
            while (await from.ReadAsync(buffer, _stop.Token) is > 0 and int length)
            {
                if (isQuestion)
                {
                    carried = Count(carried + Encoding.Latin1.GetString(buffer, 0, length));
                }
                else if (_hold is { } hold)
                {
                    await hold.Task.WaitAsync(_stop.Token);
                }

                await to.WriteAsync(buffer.AsMemory(0, length), _stop.Token);
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // one side has closed
        }
        finally
        {
            from.Socket.Close();
            to.Socket.Close();
        }
    }

    // returns the end of the text that may belong to an occurrence cut in two
    private string Count(string sent)
    {
        lock (_lock)
        {
            if (_hold is null)
            {
                return "";
            }

            int at = 0;
            for (int next; (next = sent.IndexOf(_text, at, StringComparison.Ordinal)) >= 0; at = next + _text.Length)
            {
                if (--_left == 0)
                {
                    _hold.TrySetResult();
                }
            }

            return sent[Math.Max(at, sent.Length - _text.Length + 1)..];
        }
    }
}
