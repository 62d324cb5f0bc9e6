using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Text;
using StackExchange.Redis;

namespace Scaling.Caching.Internal;

/// <summary>
/// Tells other nodes what was invalidated, and proves that this node hears: a message to itself must come back through the subscription.
/// A message is the sender's id (8 bytes), a kind (1 byte) and a name (UTF-8).
/// </summary>
internal sealed class RedisBus(RedisChannel channel)
{
    private const byte KeyKind = (byte)'k';
    private const byte TagKind = (byte)'t';
    private const byte LostKind = (byte)'l';
    private const byte EchoKind = (byte)'e';

    private readonly long _node = Envelope.NewStamp();
    private Attempt _attempt = new(0);
    private bool _heardSomething;
    private Task? _subscription;        // the last one, under way or done
    private int _unproven;
    private (EndPoint? EndPoint, long Sockets) _path;
    private int _paths;

    public Action<Debt>? Heard { get; set; }

    public Action<string>? StampLost { get; set; }

    public RedisValue Channel => (string)channel!;

    /// <summary>Where the subscription was when it was last proven.</summary>
    public EndPoint? EndPoint => _path.EndPoint;

    public RedisValue Message(Debt debt) => Message(debt.Kind == DebtKind.Key ? KeyKind : TagKind, debt.Name);

    public RedisValue StampLostMessage(string tag) => Message(LostKind, tag);

    /// <summary>
    /// Completes when an echo, or without <paramref name="prove"/> anything, was heard, with the number of the path it came by. It does not time out by
    /// itself; a call that is abandoned is overtaken by the next one.
    /// <code>
    /// 1. subscribed (again, on another node of a cluster, if the last two attempts heard nothing: that is a gap by itself)
    /// 2. the echo of this attempt is heard: the subscription works
    /// 3. the path is the one of the last number (same node, same sockets): nothing sent since then was missed, for one socket keeps its order.
    ///    Otherwise there was a gap, and the number moves on. A reconnect counts its socket before it can deliver an echo, so it cannot hide in 2.
    /// </code>
    /// </summary>
    public async Task<int> ListenAsync(IConnectionMultiplexer multiplexer, bool prove)
    {
        if (Interlocked.Exchange(ref _heardSomething, false) && !prove && _subscription is { IsCompletedSuccessfully: true } && _unproven == 0)
        {
            return Volatile.Read(ref _paths);
        }

        var attempt = new Attempt(_attempt.Number + 1);
        Volatile.Write(ref _attempt, attempt);
        ISubscriber subscriber = multiplexer.GetSubscriber();
        if (_subscription is null or { IsCompleted: true, IsCompletedSuccessfully: false } || (_unproven >= 2 && _subscription.IsCompleted))
        {
            _path = default;
            _subscription = SubscribeAsync(subscriber);
        }

        _unproven++;
        await _subscription.ConfigureAwait(false);
        await subscriber.PublishAsync(channel, Message(EchoKind, attempt.Name)).ConfigureAwait(false);
        await attempt.Echo.Task.ConfigureAwait(false);
        return Arrive(multiplexer, subscriber.SubscribedEndpoint(channel));
    }

    /// <summary>
    /// One at a time: another one that is still on its way would take the subscription away for a moment, behind the back of an echo that proves it.
    /// Through a queue, for a plain handler is called for several messages at once: an echo must be heard after all that was sent before it.
    /// </summary>
    private async Task SubscribeAsync(ISubscriber subscriber)
    {
        subscriber.Unsubscribe(channel, flags: CommandFlags.FireAndForget);     // never twice: whatever an earlier one left behind goes first
        ChannelMessageQueue messages = await subscriber.SubscribeAsync(channel).ConfigureAwait(false);
        messages.OnMessage(message => OnMessage(message.Message));
        _unproven = 0;
    }

    private int Arrive(IConnectionMultiplexer multiplexer, EndPoint? endPoint)
    {
        ServerCounters? counters = endPoint is null ? null : multiplexer.GetServer(endPoint).GetCounters();
        (EndPoint?, long) path = (endPoint, counters is null ? -1 : counters.Interactive.SocketCount + counters.Subscription.SocketCount);
        if (!path.Equals(_path) || endPoint is null)
        {
            _path = path;
            Interlocked.Increment(ref _paths);
        }

        _unproven = 0;
        return Volatile.Read(ref _paths);
    }

    private RedisValue Message(byte kind, string name)
    {
        var bytes = new byte[9 + Encoding.UTF8.GetByteCount(name)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, _node);
        bytes[8] = kind;
        Encoding.UTF8.GetBytes(name, bytes.AsSpan(9));
        return bytes;
    }

    private void OnMessage(RedisValue message)
    {
        var bytes = ((ReadOnlyMemory<byte>)message).Span;
        if (bytes.Length < 9)
        {
            return;
        }

        Volatile.Write(ref _heardSomething, true);
        bool own = BinaryPrimitives.ReadInt64LittleEndian(bytes) == _node;
        string name = Encoding.UTF8.GetString(bytes[9..]);
        switch (bytes[8])
        {
            case EchoKind when own && Volatile.Read(ref _attempt) is { } attempt && attempt.Name == name:
                attempt.Echo.TrySetResult();
                break;
            case KeyKind when !own:
                Heard?.Invoke(Debt.Key(name));
                break;
            case TagKind when !own:
                Heard?.Invoke(Debt.Tag(name));
                break;
            case LostKind when !own:
                StampLost?.Invoke(name);
                break;
        }
    }

    private sealed class Attempt(int number)
    {
        public int Number => number;

        public string Name { get; } = number.ToString(CultureInfo.InvariantCulture);

        public TaskCompletionSource Echo { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
