using System.Text;

namespace Scaling.Pagination;

/// <summary>The text of a <c>Link</c> header (RFC 8288) that leads to the pages beside this one.</summary>
public static class LinkHeader
{
    /// <summary><c>&lt;…?limit=20&amp;after=…&gt;; rel="next", &lt;…&gt;; rel="prev"</c>; empty where there is neither.</summary>
    /// <typeparam name="T">The item.</typeparam>
    /// <param name="page">The page that is served.</param>
    /// <param name="url">The request's own URL, absolute or relative, with its query: all of it is kept but the cursors.</param>
    /// <param name="after">The name of the query parameter for the next page.</param>
    /// <param name="before">The name of the query parameter for the previous page.</param>
    public static string For<T>(Page<T> page, string url, string after = "after", string before = "before")
    {
        ArgumentNullException.ThrowIfNull(page);
        ArgumentException.ThrowIfNullOrEmpty(url);
        ArgumentException.ThrowIfNullOrEmpty(after);
        ArgumentException.ThrowIfNullOrEmpty(before);
        string list = Escape(WithoutCursors(url, after, before));
        string? next = page.Next is null ? null : Link(list, after, page.Next, "next");
        string? previous = page.Previous is null ? null : Link(list, before, page.Previous, "prev");
        return string.Join(", ", new[] { next, previous }.OfType<string>());
    }

    private static string Link(string list, string parameter, string cursor, string relation) =>
        $"<{list}{(list.Contains('?') ? '&' : '?')}{Uri.EscapeDataString(parameter)}={cursor}>; rel=\"{relation}\"";

    private static string WithoutCursors(string url, string after, string before)
    {
        url = url.Split('#')[0];
        if (url.Split('?', 2) is not [var path, var query])
        {
            return url;
        }
        string kept = string.Join('&', query.Split('&').Where(pair => pair.Length > 0 && Uri.UnescapeDataString(pair.Split('=')[0]) is var name && name != after && name != before));
        return kept.Length == 0 ? path : $"{path}?{kept}";
    }

    // What could end the <…> or the header is percent-encoded; what is encoded already stays as it is.
    private static string Escape(string url)
    {
        var escaped = new StringBuilder(url.Length);
        foreach (Rune rune in url.EnumerateRunes())
        {
            bool plain = rune.IsAscii && rune.Value > ' ' && rune.Value != 0x7F && !"<>\"\\^`{|}".Contains((char)rune.Value, StringComparison.Ordinal);
            escaped.Append(plain ? rune.ToString() : Uri.EscapeDataString(rune.ToString()));
        }
        return escaped.ToString();
    }
}
