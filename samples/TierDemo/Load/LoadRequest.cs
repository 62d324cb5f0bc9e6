using System.Buffers;

namespace TierDemo.Load;

/// <summary>One kind of request. <c>{1..10000}</c> in the path or the body becomes a random whole number of that range, both ends included, anew for each request.</summary>
/// <param name="Method">GET, POST, HEAD…</param>
/// <param name="PathAndQuery">As it goes on the wire: begins with a slash, already percent-encoded.</param>
public sealed record LoadRequest(string Method, string PathAndQuery)
{
    private static readonly SearchValues<char> TokenCharacters = SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    /// <summary>Headers besides Host and Content-Length, which the generator writes.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; } = [];

    /// <summary>The body, sent as UTF-8; null for none.</summary>
    public string? Body { get; init; }

    /// <summary>A GET.</summary>
    public static LoadRequest Get(string pathAndQuery) => new("GET", pathAndQuery);

    /// <summary>A POST of JSON.</summary>
    public static LoadRequest PostJson(string pathAndQuery, string json) =>
        new("POST", pathAndQuery) { Body = json, Headers = [new("Content-Type", "application/json")] };

    /// <summary>The same request with one header more.</summary>
    public LoadRequest WithHeader(string name, string value) => this with { Headers = [.. Headers, new(name, value)] };

    internal void Validate()
    {
        if (!IsToken(Method))
        {
            throw new ArgumentException($"'{Method}' is not an HTTP method; write for example GET.", nameof(Method));
        }

        if (!PathAndQuery.StartsWith('/') || PathAndQuery.AsSpan().ContainsAnyExceptInRange('!', '~'))
        {
            throw new ArgumentException($"The path '{PathAndQuery}' must begin with '/' and hold visible ASCII only; percent-encode the rest.", nameof(PathAndQuery));
        }

        foreach ((string name, string value) in Headers)
        {
            if (!IsToken(name) || value.AsSpan().ContainsAnyExceptInRange(' ', '~'))
            {
                throw new ArgumentException($"The header '{name}: {value}' does not fit on one line of visible ASCII.", nameof(Headers));
            }

            if (name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase) || name.Equals("Transfer-Encoding", StringComparison.OrdinalIgnoreCase))
            {
                throw new ArgumentException($"The header '{name}' is written by the generator; leave it out.", nameof(Headers));
            }
        }
    }

    private static bool IsToken(string text) => text.Length > 0 && !text.AsSpan().ContainsAnyExcept(TokenCharacters);
}
