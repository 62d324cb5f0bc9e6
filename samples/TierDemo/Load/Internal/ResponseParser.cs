using System.Buffers.Text;
using System.Text;

namespace TierDemo.Load.Internal;

/// <summary>Reads one HTTP/1.1 answer (RFC 9112) from bytes that arrive in any pieces; counts its body without keeping it. Pure: no socket, no clock.</summary>
/// <remarks>Not thread-safe; one per connection, <see cref="Begin"/> before each answer. Bodies stay as they are: gzip is not unpacked.</remarks>
internal sealed class ResponseParser(HeaderCounter[] counters)
{
    private const int LongestHead = 64 * 1024;
    private const int LongestChunkLine = 1024;

    private readonly int[] _headerValues = new int[counters.Length];
    private bool _answersHead;
    private bool _chunked;
    private long _left;
    private Stage _stage;

    private enum Stage { Head, SizedBody, ChunkSize, ChunkData, ChunkEnd, Trailer, UntilClose, Done }

    public int Status { get; private set; }

    /// <summary>Whether the connection can carry another request.</summary>
    public bool KeepAlive { get; private set; }

    /// <summary>For each counted header: the index of its value in its counter, or -1 where it was absent.</summary>
    public ReadOnlySpan<int> HeaderValues => _headerValues;

    /// <summary>Whether the end of the connection is the proper end of this answer.</summary>
    public bool EndsWithConnection => _stage == Stage.UntilClose;

    public void Begin(bool answersHead)
    {
        _answersHead = answersHead;
        _stage = Stage.Head;
        Status = 0;
    }

    /// <summary>Takes what it can from <paramref name="data"/>; true when the answer is complete. Bytes it leaves must be offered again, with more behind them.</summary>
    /// <exception cref="FormatException">This is no HTTP/1.1 answer.</exception>
    public bool Read(ReadOnlySpan<byte> data, out int consumed)
    {
        consumed = 0;
        while (_stage != Stage.Done)
        {
            int taken = Step(data[consumed..]);
            if (taken == 0 && _stage != Stage.Done)
            {
                return false;
            }

            consumed += taken;
        }

        return true;
    }

    private int Step(ReadOnlySpan<byte> data) => _stage switch
    {
        Stage.Head => ReadHead(data),
        Stage.SizedBody => Skip(data, Stage.Done),
        Stage.ChunkData => Skip(data, Stage.ChunkEnd),
        Stage.ChunkSize or Stage.ChunkEnd or Stage.Trailer => ReadLine(data),
        _ => data.Length,
    };

    private int ReadHead(ReadOnlySpan<byte> data)
    {
        int length = data.IndexOf("\r\n\r\n"u8);
        if (length < 0)
        {
            return data.Length > LongestHead ? throw new FormatException("The head of the answer is longer than 64 KiB.") : 0;
        }

        ReadOnlySpan<byte> head = data[..(length + 2)];
        int lineEnd = head.IndexOf("\r\n"u8);
        ReadStatusLine(head[..lineEnd]);
        ReadHeaders(head[(lineEnd + 2)..]);
        BeginBody();
        return length + 4;
    }

    private void ReadStatusLine(ReadOnlySpan<byte> line)
    {
        if (line.Length < 12 || !line.StartsWith("HTTP/1."u8) || line[8] != ' '
            || !Utf8Parser.TryParse(line.Slice(9, 3), out int status, out int digits) || digits != 3 || status < 100
            || (line.Length > 12 && line[12] != ' '))
        {
            throw new FormatException("The answer does not begin with an HTTP/1.x status line.");
        }

        Status = status;
        KeepAlive = line[7] != '0';
        _chunked = false;
        _left = -1;
        Array.Fill(_headerValues, -1);
    }

    private void ReadHeaders(ReadOnlySpan<byte> lines)
    {
        while (!lines.IsEmpty)
        {
            int lineEnd = lines.IndexOf("\r\n"u8);
            ReadOnlySpan<byte> line = lines[..lineEnd];
            lines = lines[(lineEnd + 2)..];
            int colon = line.IndexOf((byte)':');
            if (colon < 1)
            {
                throw new FormatException("A header line has no name.");
            }

            ReadHeader(line[..colon], line[(colon + 1)..].Trim(" \t"u8));
        }
    }

    private void ReadHeader(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        if (Ascii.EqualsIgnoreCase(name, "content-length"u8))
        {
            if (!Utf8Parser.TryParse(value, out long length, out int digits) || digits != value.Length || length < 0 || value[0] == '+'
                || (_left >= 0 && _left != length))
            {
                throw new FormatException("The Content-Length is not one whole number.");
            }

            _left = length;
        }
        else if (Ascii.EqualsIgnoreCase(name, "transfer-encoding"u8))
        {
            _chunked = EndsWithIgnoreCase(value, "chunked"u8);
        }
        else if (Ascii.EqualsIgnoreCase(name, "connection"u8))
        {
            KeepAlive = Ascii.EqualsIgnoreCase(value, "keep-alive"u8) || (KeepAlive && !EndsWithIgnoreCase(value, "close"u8));
        }

        for (int i = 0; i < counters.Length; i++)
        {
            if (counters[i].IsNamed(name))
            {
                _headerValues[i] = counters[i].IndexOf(value);
            }
        }
    }

    /// <summary>RFC 9112 §6.3: which of the ways to end applies.</summary>
    private void BeginBody()
    {
        if (Status < 200)
        {
            _stage = Status == 101 ? throw new FormatException("Nobody asked to switch protocols.") : Stage.Head; // 100, 103: the answer is still to come
        }
        else if (_answersHead || Status is 204 or 304)
        {
            _stage = Stage.Done;
        }
        else if (_chunked)
        {
            _stage = Stage.ChunkSize;
        }
        else if (_left >= 0)
        {
            _stage = _left == 0 ? Stage.Done : Stage.SizedBody;
        }
        else
        {
            _stage = Stage.UntilClose;
            KeepAlive = false;
        }
    }

    private int Skip(ReadOnlySpan<byte> data, Stage next)
    {
        int taken = (int)Math.Min(_left, data.Length);
        _left -= taken;
        if (_left == 0)
        {
            _stage = next;
        }

        return taken;
    }

    private int ReadLine(ReadOnlySpan<byte> data)
    {
        int length = data.IndexOf("\r\n"u8);
        if (length < 0)
        {
            return data.Length > LongestChunkLine ? throw new FormatException("A line between the chunks is longer than 1 KiB.") : 0;
        }

        ReadOnlySpan<byte> line = data[..length];
        if (_stage == Stage.ChunkSize)
        {
            BeginChunk(line);
        }
        else if (_stage == Stage.ChunkEnd)
        {
            _stage = line.IsEmpty ? Stage.ChunkSize : throw new FormatException("A chunk is longer than it said.");
        }
        else
        {
            _stage = line.IsEmpty ? Stage.Done : Stage.Trailer;
        }

        return length + 2;
    }

    private void BeginChunk(ReadOnlySpan<byte> line)
    {
        if (!Utf8Parser.TryParse(line, out long size, out int digits, 'x') || size < 0 || (digits < line.Length && line[digits] is not ((byte)';' or (byte)' ')))
        {
            throw new FormatException("A chunk size is not a hexadecimal number.");
        }

        _left = size;
        _stage = size == 0 ? Stage.Trailer : Stage.ChunkData;
    }

    private static bool EndsWithIgnoreCase(ReadOnlySpan<byte> value, ReadOnlySpan<byte> end) =>
        value.Length >= end.Length && Ascii.EqualsIgnoreCase(value[^end.Length..], end);
}
