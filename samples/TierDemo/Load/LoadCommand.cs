using System.CommandLine;
using Spectre.Console;

namespace TierDemo.Load;

/// <summary>The command <c>load</c>: the generator against any URL.</summary>
public static class LoadCommand
{
    public static Command Create()
    {
        var url = new Option<string>("--url") { Description = "Target, with path and query; {1..10000} in it is a random number.", Required = true };
        var connections = new Option<int>("--connections", "-c") { Description = "Connections (virtual users).", DefaultValueFactory = _ => 10 };
        var duration = new Option<int>("--duration", "-d") { Description = "Seconds to measure.", DefaultValueFactory = _ => 10 };
        var warmUp = new Option<int>("--warm-up") { Description = "Seconds of traffic before." };
        var rate = new Option<double?>("--rate", "-R") { Description = "Open loop: requests a second, latency from the due time. Without it: closed loop." };
        var timeout = new Option<int>("--timeout") { Description = "Seconds to wait for one answer.", DefaultValueFactory = _ => 10 };
        var deadline = new Option<int?>("--deadline") { Description = "Milliseconds after which an answer is worth nothing: reports the goodput." };
        var method = new Option<string>("--method", "-m") { Description = "HTTP method.", DefaultValueFactory = _ => "GET" };
        var header = new Option<string[]>("--header", "--headers", "-H") { Description = "'Name: value' or 'Name=value'; may be repeated.", DefaultValueFactory = _ => [] };
        var body = new Option<string?>("--body", "-b") { Description = "Request body." };
        var mix = new Option<bool>("--mix") { Description = "The guide's mixed traffic instead of one request; the URL gives scheme, host and port." };
        var users = new Option<long>("--users") { Description = "Seeded users, for --mix.", DefaultValueFactory = _ => 10_000 };
        var mine = new Option<bool>("--i-own-this-host") { Description = "Needed for any target that is not this machine." };
        var insecure = new Option<bool>("--insecure") { Description = "https: accept any certificate." };
        var command = new Command("load", "Loads an HTTP server and reports throughput, latency and errors.")
        {
            url, connections, duration, warmUp, rate, timeout, deadline, method, header, body, mix, users, mine, insecure,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            try
            {
                (Uri baseUrl, string path) = Split(parsed.GetRequiredValue(url));
                Workload workload = parsed.GetValue(mix)
                    ? GuideTraffic.Mix(parsed.GetValue(users))
                    : Workload.Of(new LoadRequest(parsed.GetRequiredValue(method).ToUpperInvariant(), path)
                    {
                        Headers = [.. parsed.GetRequiredValue(header).Select(ParseHeader)],
                        Body = parsed.GetValue(body),
                    });
                var plan = new LoadPlan(baseUrl, workload)
                {
                    Connections = parsed.GetValue(connections),
                    Duration = TimeSpan.FromSeconds(parsed.GetValue(duration)),
                    WarmUp = TimeSpan.FromSeconds(parsed.GetValue(warmUp)),
                    Rate = parsed.GetValue(rate),
                    Timeout = TimeSpan.FromSeconds(parsed.GetValue(timeout)),
                    Deadline = parsed.GetValue(deadline) is { } milliseconds ? TimeSpan.FromMilliseconds(milliseconds) : null,
                    TargetIsMine = parsed.GetValue(mine),
                    AcceptAnyCertificate = parsed.GetValue(insecure),
                };
                LoadResult result = await LoadReport.RunAsync(plan, AnsiConsole.Console, cancellationToken).ConfigureAwait(false);
                return result.ErrorCount == 0 ? 0 : 1;
            }
            catch (ArgumentException wrong)
            {
                await Console.Error.WriteLineAsync(wrong.Message).ConfigureAwait(false);
                return 2;
            }
            catch (OperationCanceledException)
            {
                await Console.Error.WriteLineAsync("Cancelled.").ConfigureAwait(false);
                return 130;
            }
        });
        return command;
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
}
