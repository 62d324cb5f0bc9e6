using System.CommandLine;

namespace TierDemo.Load;

/// <summary>The options of <c>load</c>, and the plan they make.</summary>
internal static class LoadOptions
{
    private static readonly Option<string> Url = new("--url") { Description = "Target, with path and query; {1..10000} in it is a random number.", Required = true };
    private static readonly Option<int> Connections = new("--connections", "-c") { Description = "Connections (virtual users).", DefaultValueFactory = _ => 10 };
    private static readonly Option<double> Duration = new("--duration", "-d") { Description = "Seconds to measure.", DefaultValueFactory = _ => 10 };
    private static readonly Option<double> WarmUp = new("--warm-up") { Description = "Seconds of traffic before." };
    private static readonly Option<double?> Rate = new("--rate", "-R") { Description = "Open loop: requests a second, latency from the due time. Without it: closed loop." };
    private static readonly Option<double> Timeout = new("--timeout") { Description = "Seconds to wait for one answer.", DefaultValueFactory = _ => 10 };
    private static readonly Option<int?> Deadline = new("--deadline") { Description = "Milliseconds after which an answer is worth nothing: reports the goodput." };
    private static readonly Option<string> Method = new("--method", "-m") { Description = "HTTP method.", DefaultValueFactory = _ => "GET" };
    private static readonly Option<string[]> Header = new("--header", "--headers", "-H") { Description = "'Name: value' or 'Name=value'; may be repeated.", DefaultValueFactory = _ => [] };
    private static readonly Option<string?> Body = new("--body", "-b") { Description = "Request body." };
    private static readonly Option<bool> Mix = new("--mix") { Description = "The guide's mixed traffic instead of one request; the URL gives scheme, host and port." };
    private static readonly Option<long> Users = new("--users") { Description = "Seeded users, for --mix.", DefaultValueFactory = _ => 10_000 };
    private static readonly Option<bool> Mine = new("--i-own-this-host") { Description = "Needed for any target that is not this machine." };
    private static readonly Option<bool> Insecure = new("--insecure") { Description = "https: accept any certificate." };

    public static IReadOnlyList<Option> All { get; } =
        [Url, Connections, Duration, WarmUp, Rate, Timeout, Deadline, Method, Header, Body, Mix, Users, Mine, Insecure];

    /// <exception cref="ArgumentException">What was typed makes no load; the message says what to type instead.</exception>
    public static LoadPlan ToPlan(ParseResult arguments)
    {
        (Uri baseUrl, string path) = Split(arguments.GetRequiredValue(Url));
        return new LoadPlan(baseUrl, arguments.GetValue(Mix) ? GuideTraffic.Mix(arguments.GetValue(Users)) : Workload.Of(ToRequest(arguments, path)))
        {
            Connections = arguments.GetValue(Connections),
            Duration = TimeSpan.FromSeconds(arguments.GetValue(Duration)),
            WarmUp = TimeSpan.FromSeconds(arguments.GetValue(WarmUp)),
            Rate = arguments.GetValue(Rate),
            Timeout = TimeSpan.FromSeconds(arguments.GetValue(Timeout)),
            Deadline = arguments.GetValue(Deadline) is { } milliseconds ? TimeSpan.FromMilliseconds(milliseconds) : null,
            TargetIsMine = arguments.GetValue(Mine),
            AcceptAnyCertificate = arguments.GetValue(Insecure),
        };
    }

    /// <summary>Splits by hand: <see cref="Uri"/> would percent-encode the braces of a range.</summary>
    internal static (Uri BaseUrl, string Path) Split(string url)
    {
        int scheme = url.IndexOf("://", StringComparison.Ordinal);
        int path = scheme < 0 ? -1 : url.AsSpan(scheme + 3).IndexOfAny('/', '?');
        string origin = path < 0 ? url : url[..(scheme + 3 + path)];
        string rest = path < 0 ? "/" : url[(scheme + 3 + path)..];
        return Uri.TryCreate(origin, UriKind.Absolute, out Uri? baseUrl)
            ? (baseUrl, rest[0] == '?' ? "/" + rest : rest)
            : throw new ArgumentException($"'{url}' is not a URL; write for example http://localhost:3000/api/users.", nameof(url));
    }

    internal static KeyValuePair<string, string> ParseHeader(string text)
    {
        int cut = text.AsSpan().IndexOfAny(':', '=');
        return cut > 0
            ? new(text[..cut].Trim(), text[(cut + 1)..].Trim())
            : throw new ArgumentException($"'{text}' is not a header; write 'Name: value'.", nameof(text));
    }

    private static LoadRequest ToRequest(ParseResult arguments, string path) => new(arguments.GetRequiredValue(Method).ToUpperInvariant(), path)
    {
        Headers = [.. arguments.GetRequiredValue(Header).Select(ParseHeader)],
        Body = arguments.GetValue(Body),
    };
}
