namespace Scaling.Batching.Internal;

/// <summary>Text that PostgreSQL cannot store: it has no NUL, and a lone surrogate has no UTF-8 form.</summary>
internal static class TextFault
{
    /// <summary>What is wrong, or null. Both searches are vectorised; clean text costs one pass each.</summary>
    public static string? Find(string text)
    {
        int nul = text.IndexOf('\0');
        if (nul >= 0)
        {
            return $"PostgreSQL cannot store the character NUL, found at position {nul}.";
        }

        int surrogate = text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF');
        for (int i = surrogate; i >= 0 && i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i]))
            {
                continue;
            }

            if (i + 1 == text.Length || !char.IsSurrogatePair(text[i], text[i + 1]))
            {
                return $"The lone surrogate U+{(int)text[i]:X4} at position {i} is not valid text.";
            }

            i++;
        }

        return null;
    }
}
