using System.Buffers;
using System.Text;

namespace Scaling.Pagination;

/// <summary>The text of a <c>Link</c> header (RFC 8288) that leads to the pages beside this one.</summary>
public static class LinkHeader
{
    private static readonly SearchValues<char> Plain = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?#[]@!$&'()*+,;=%");

    /// <summary><c>&lt;…?limit=20&amp;after=…&gt;; rel="next", &lt;…&gt;; rel="prev"</c>; empty where there is neither.</summary>
    /// <param name="url">The request's own URL, absolute or relative, with its query: all of it is kept but the cursors.</param>
    /// <param name="next"><see cref="Page{T}.Next"/> of the page that is served.</param>
    /// <param name="previous"><see cref="Page{T}.Previous"/> of it.</param>
    /// <param name="after">The name of the query parameter for the next page.</param>
    /// <param name="before">The name of the query parameter for the previous page.</param>
    public static string For(string url, string? next, string? previous = null, string after = "after", string before = "before")
    {
        ArgumentException.ThrowIfNullOrEmpty(url);
        ArgumentException.ThrowIfNullOrEmpty(after);
        ArgumentException.ThrowIfNullOrEmpty(before);
        if (next is null && previous is null)
        {
            return "";
        }
        string list = Escape(WithoutCursors(url, after, before));
        string separator = list.Contains('?', StringComparison.Ordinal) ? "&" : "?";
        string? toNext = next is null ? null : $"<{list}{separator}{Uri.EscapeDataString(after)}={Uri.EscapeDataString(next)}>; rel=\"next\"";
        string? toPrevious = previous is null ? null : $"<{list}{separator}{Uri.EscapeDataString(before)}={Uri.EscapeDataString(previous)}>; rel=\"prev\"";
        return toNext is null || toPrevious is null ? toNext ?? toPrevious! : $"{toNext}, {toPrevious}";
    }

    private static string WithoutCursors(string url, string after, string before)
    {
        url = url.Split('#', 2)[0];
        if (url.Split('?', 2) is not [var path, var query])
        {
            return url;
        }
        string kept = string.Join('&', query.Split('&').Where(pair => pair.Length > 0 && Uri.UnescapeDataString(pair.Split('=', 2)[0]) is var name && name != after && name != before));
        return kept.Length == 0 ? path : $"{path}?{kept}";
    }

    // What could end the <…> or the header is percent-encoded; what is encoded already stays as it is.
    private static string Escape(string url)
    {
        if (!url.AsSpan().ContainsAnyExcept(Plain))
        {
            return url;
        }
        var escaped = new StringBuilder(url.Length * 2);
        foreach (Rune rune in url.EnumerateRunes())
        {
            escaped.Append(rune.IsAscii && Plain.Contains((char)rune.Value) ? rune.ToString() : Uri.EscapeDataString(rune.ToString()));
        }
        return escaped.ToString();
    }
}
