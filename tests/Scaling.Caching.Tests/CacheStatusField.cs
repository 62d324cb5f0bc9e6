using System.Globalization;
using System.Text;

namespace Scaling.Caching.Tests;

/// <summary>
/// One member of a Cache-Status list, read as strictly as RFC 9651 (and RFC 8941 before it) parses an item with parameters, section 4.2.3: anything else throws.
/// Values are <see cref="string"/> for a quoted string, <see cref="Token"/>, <see cref="long"/> or <see cref="bool"/>.
/// </summary>
internal sealed class CacheStatusField
{
    private readonly string _text;
    private int _at;

    private CacheStatusField(string text) => _text = text;

    public sealed record Token(string Text);

    public static (object Name, Dictionary<string, object> Parameters) Parse(string text)
    {
        var field = new CacheStatusField(text);
        object name = field.BareItem();
        var parameters = new Dictionary<string, object>();
        while (field.Next() == ';')
        {
            field._at++;
            while (field.Next() == ' ')
            {
                field._at++;
            }

            string key = field.Key();
            object value = true;
            if (field.Next() == '=')
            {
                field._at++;
                value = field.BareItem();
            }

            Assert.True(parameters.TryAdd(key, value), $"{key} twice in: {text}");
        }

        Assert.True(field._at == text.Length, $"{text[field._at..]} left over of: {text}");
        return (name, parameters);
    }

    private char? Next() => _at < _text.Length ? _text[_at] : null;

    private object BareItem() => Next() switch
    {
        '"' => QuotedString(),
        '?' => Boolean(),
        '-' or (>= '0' and <= '9') => Integer(),
        '*' or (>= 'A' and <= 'Z') or (>= 'a' and <= 'z') => new Token(While(static c => char.IsAsciiLetterOrDigit(c) || "!#$%&'*+-.^_`|~:/".Contains(c))),
        _ => throw new FormatException($"No item at {_at} of: {_text}"),
    };

    private string Key()
    {
        Assert.True(Next() is '*' or (>= 'a' and <= 'z'), $"No key at {_at} of: {_text}");
        return While(static c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || "_-.*".Contains(c));
    }

    private long Integer()
    {
        int start = _at;
        _at += Next() == '-' ? 1 : 0;
        Assert.InRange(While(char.IsAsciiDigit).Length, 1, 15);
        return long.Parse(_text[start.._at], CultureInfo.InvariantCulture);
    }

    private bool Boolean()
    {
        _at += 2;
        return _text[_at - 1] is '1' || (_text[_at - 1] is '0' ? false : throw new FormatException(_text));
    }

    private string QuotedString()
    {
        var content = new StringBuilder();
        for (_at++; Next() != '"'; _at++)
        {
            char c = Next() ?? throw new FormatException($"The string does not end: {_text}");
            if (c == '\\')
            {
                c = _text[++_at];
                Assert.True(c is '"' or '\\', $"An escaped {c} in: {_text}");
            }

            Assert.InRange(c, ' ', '~');
            content.Append(c);
        }

        _at++;
        return content.ToString();
    }

    private string While(Func<char, bool> belongs)
    {
        int start = _at;
        while (Next() is { } c && belongs(c))
        {
            _at++;
        }

        return _text[start.._at];
    }
}
