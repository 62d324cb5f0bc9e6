using System.Globalization;

namespace Scaling.Sharding.Internal;

/// <summary>Sets of slots as runs, both ends included, and their text form "0-5460 16384".</summary>
internal static class SlotRanges
{
    /// <param name="owners">Slot and owner of each slot, in order of the slot.</param>
    /// <param name="owner">Whose slots to gather.</param>
    public static IReadOnlyList<(int First, int Last)> Of(IEnumerable<(int Slot, int Owner)> owners, int owner)
    {
        var ranges = new List<(int First, int Last)>();
        foreach ((int slot, int by) in owners)
        {
            if (by != owner)
            {
                continue;
            }

            if (ranges.Count > 0 && ranges[^1].Last == slot - 1)
            {
                ranges[^1] = (ranges[^1].First, slot);
            }
            else
            {
                ranges.Add((slot, slot));
            }
        }

        return ranges;
    }

    public static string Format(IEnumerable<(int First, int Last)> ranges) =>
        string.Join(' ', ranges.Select(range => range.First == range.Last
            ? range.First.ToString(CultureInfo.InvariantCulture)
            : string.Create(CultureInfo.InvariantCulture, $"{range.First}-{range.Last}")));

    /// <summary>As Postgres reads an int4multirange: {[0,5460],[16384,16384]}.</summary>
    public static string ToMultirange(IEnumerable<(int First, int Last)> ranges) =>
        $"{{{string.Join(',', ranges.Select(range => string.Create(CultureInfo.InvariantCulture, $"[{range.First},{range.Last}]")))}}}";

    public static IEnumerable<(int First, int Last)> Parse(string text)
    {
        foreach (string run in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] ends = run.Split('-');
            if (ends.Length > 2 || !TryParse(ends[0], out int first) || !TryParse(ends[^1], out int last) || first > last)
            {
                throw new FormatException($"'{run}' is no range of slots such as 0-5460.");
            }

            yield return (first, last);
        }
    }

    private static bool TryParse(string text, out int value) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
}
