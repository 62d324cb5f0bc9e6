using System.Text;
using FsCheck.Xunit;
using TierDemo.Load.Internal;

namespace TierDemo.Tests;

public sealed class LoadParserProperties
{
    private static readonly string[] Answers =
    [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nx-cache: HIT\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Cache: HIT\r\n\r\n5;ext=1\r\nhello\r\nA\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX-CACHE:HIT \r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nx-cache: HIT\r\n\r\n",
    ];

    [Property]
    public bool An_answer_reads_the_same_however_it_is_cut(byte answer, byte[] cuts)
    {
        byte[] bytes = Encoding.ASCII.GetBytes(Answers[answer % Answers.Length]);
        var parser = new ResponseParser([new HeaderCounter("x-cache")]);
        parser.Begin(answersHead: false);
        int from = 0;
        int to = 0;
        for (int i = 0; ; i++)
        {
            to = Math.Min(bytes.Length, to + 1 + (i < cuts.Length ? cuts[i] % 9 : 0));
            bool complete = parser.Read(bytes.AsSpan(from, to - from), out int consumed);
            from += consumed;
            if (complete || to == bytes.Length)
            {
                return complete && from == bytes.Length && parser is { Status: 200 or 204, KeepAlive: true } && parser.HeaderValues[0] == 1;
            }
        }
    }

    [Theory]
    [InlineData("SSH-2.0-OpenSSH_9.2\r\n\r\n")]
    [InlineData("HTTP/1.1 abc OK\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nno colon\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n")]
    public void What_is_not_http_is_malformed(string answer)
    {
        var parser = new ResponseParser([]);
        parser.Begin(answersHead: false);
        Assert.Throws<FormatException>(() => parser.Read(Encoding.ASCII.GetBytes(answer), out _));
    }
}
