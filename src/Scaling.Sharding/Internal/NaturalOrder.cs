namespace Scaling.Sharding.Internal;

/// <summary>Orders names as people do: runs of digits by their value, so pg-9 stands before pg-10.</summary>
internal sealed class NaturalOrder : IComparer<string>
{
    public static readonly NaturalOrder Instance = new();

    public int Compare(string? x, string? y)
    {
        ReadOnlySpan<char> a = x;
        ReadOnlySpan<char> b = y;
        while (!a.IsEmpty && !b.IsEmpty)
        {
            int order = char.IsAsciiDigit(a[0]) && char.IsAsciiDigit(b[0])
                ? CompareNumbers(Digits(ref a), Digits(ref b))
                : Next(ref a).CompareTo(Next(ref b));
            if (order != 0)
            {
                return order;
            }
        }

        // "a1" and "a01" read alike: fall back to what differs, so that the order is total
        int rest = a.Length.CompareTo(b.Length);
        return rest != 0 ? rest : string.CompareOrdinal(x, y);
    }

    private static int CompareNumbers(ReadOnlySpan<char> a, ReadOnlySpan<char> b)
    {
        a = a.TrimStart('0');
        b = b.TrimStart('0');
        int length = a.Length.CompareTo(b.Length);
        return length != 0 ? length : a.SequenceCompareTo(b);
    }

    private static ReadOnlySpan<char> Digits(ref ReadOnlySpan<char> text)
    {
        int length = text.IndexOfAnyExceptInRange('0', '9');
        ReadOnlySpan<char> digits = length < 0 ? text : text[..length];
        text = text[digits.Length..];
        return digits;
    }

    private static char Next(ref ReadOnlySpan<char> text)
    {
        char next = text[0];
        text = text[1..];
        return next;
    }
}
