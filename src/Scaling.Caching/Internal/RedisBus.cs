using System.Buffers.Binary;
using System.Net;
using System.Text;
using StackExchange.Redis;

namespace Scaling.Caching.Internal;

/// <summary>
/// Tells other nodes what was invalidated, and proves that this node hears: a message to itself must come back through the subscription.
/// A message is the sender's id (8 bytes), a kind (1 byte) and a name (UTF-8).
/// </summary>
internal sealed class RedisBus
{
    private const byte KeyKind = (byte)'k';
    private const byte TagKind = (byte)'t';
    private const byte EchoKind = (byte)'e';

    private readonly RedisChannel _channel;
    private readonly Action<Debt> _heard;
    private readonly Action _cut;
    private readonly Action<RedisChannel, RedisValue> _onMessage;
    private readonly long _node = Envelope.NewStamp();
    private TaskCompletionSource _echo = new();
    private EndPoint? _endPoint;
    private bool _subscribed;
    private bool _heardSomething;

    public RedisBus(RedisChannel channel, Action<Debt> heard, Action cut)
    {
        _channel = channel;
        _heard = heard;
        _cut = cut;
        _onMessage = OnMessage;
    }

    public RedisValue Channel => (string)_channel!;

    public RedisValue Message(Debt debt) => Message(debt.Kind == DebtKind.Key ? KeyKind : TagKind, debt.Name);

    /// <summary>Completes when an echo, or without <paramref name="prove"/> anything, was heard. One call at a time; it does not time out by itself.</summary>
    public async Task ListenAsync(IConnectionMultiplexer multiplexer, bool prove)
    {
        if (Interlocked.Exchange(ref _heardSomething, false) && !prove)
        {
            return;
        }

        ISubscriber subscriber = multiplexer.GetSubscriber();
        if (!_subscribed)
        {
            await subscriber.SubscribeAsync(_channel, _onMessage).ConfigureAwait(false);
            _subscribed = true;
        }

        var echo = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Volatile.Write(ref _echo, echo);
        await multiplexer.GetDatabase().PublishAsync(_channel, Message(EchoKind, "")).ConfigureAwait(false);
        await echo.Task.ConfigureAwait(false);
        Volatile.Write(ref _endPoint, subscriber.SubscribedEndpoint(_channel));
    }

    public void OnConnectionFailed(ConnectionFailedEventArgs failure)
    {
        // of a cluster's nodes only the one that carries the subscription matters here
        if (Volatile.Read(ref _endPoint) is { } endPoint && endPoint.Equals(failure.EndPoint))
        {
            _cut();
        }
    }

    private RedisValue Message(byte kind, string name)
    {
        var bytes = new byte[9 + Encoding.UTF8.GetByteCount(name)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, _node);
        bytes[8] = kind;
        Encoding.UTF8.GetBytes(name, bytes.AsSpan(9));
        return bytes;
    }

    private void OnMessage(RedisChannel channel, RedisValue message)
    {
        var bytes = ((ReadOnlyMemory<byte>)message).Span;
        if (bytes.Length < 9)
        {
            return;
        }

        Volatile.Write(ref _heardSomething, true);
        bool own = BinaryPrimitives.ReadInt64LittleEndian(bytes) == _node;
        switch (bytes[8])
        {
            case EchoKind when own:
                Volatile.Read(ref _echo).TrySetResult();
                break;
            case KeyKind when !own:
                _heard(new Debt(DebtKind.Key, Encoding.UTF8.GetString(bytes[9..])));
                break;
            case TagKind when !own:
                _heard(new Debt(DebtKind.Tag, Encoding.UTF8.GetString(bytes[9..])));
                break;
        }
    }
}
