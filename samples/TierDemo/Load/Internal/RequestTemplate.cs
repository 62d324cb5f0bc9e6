using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace TierDemo.Load.Internal;

/// <summary>A <see cref="LoadRequest"/> made ready for one host: bytes where nothing varies, else a text to fill.</summary>
internal sealed class RequestTemplate
{
    private readonly RandomText _head;
    private readonly RandomText? _body;
    private readonly byte[]? _constant;

    public RequestTemplate(LoadRequest request, string host)
    {
        var head = new StringBuilder($"{request.Method} {request.PathAndQuery} HTTP/1.1\r\n");
        if (!request.Headers.Any(header => header.Key.Equals("Host", StringComparison.OrdinalIgnoreCase)))
        {
            head.Append("Host: ").Append(host).Append("\r\n");
        }

        foreach ((string name, string value) in request.Headers)
        {
            head.Append(name).Append(": ").Append(value).Append("\r\n");
        }

        IsHead = request.Method == "HEAD";
        _head = RandomText.Parse(head.ToString());
        _body = request.Body is null ? null : RandomText.Parse(request.Body);
        if (_head.IsConstant && _body is null or { IsConstant: true })
        {
            var space = new RequestSpace();
            var random = new RequestRandom(0, 0);
            _constant = Fill(space, ref random).ToArray();
        }
    }

    /// <summary>Whether the answer has no body, whatever its headers say.</summary>
    public bool IsHead { get; }

    public ReadOnlyMemory<byte> Write(RequestSpace space, ref RequestRandom random) => _constant ?? Fill(space, ref random);

    private ReadOnlyMemory<byte> Fill(RequestSpace space, ref RequestRandom random)
    {
        space.Request.ResetWrittenCount();
        space.Body.ResetWrittenCount();
        _head.Write(space.Request, ref random);
        if (_body is not null)
        {
            _body.Write(space.Body, ref random);
            space.Request.Write("Content-Length: "u8);
            Utf8Formatter.TryFormat(space.Body.WrittenCount, space.Request.GetSpan(16), out int digits);
            space.Request.Advance(digits);
            space.Request.Write("\r\n"u8);
        }

        space.Request.Write("\r\n"u8);
        space.Request.Write(space.Body.WrittenSpan);
        return space.Request.WrittenMemory;
    }
}

/// <summary>Where one connection writes its requests, reused for each.</summary>
internal sealed class RequestSpace
{
    public ArrayBufferWriter<byte> Request { get; } = new(512);

    public ArrayBufferWriter<byte> Body { get; } = new(256);
}
