using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace TierDemo.Load.Internal;

/// <summary>Text with <c>{low..high}</c> holes, cut once into bytes, filled for each request without an allocation.</summary>
internal sealed partial class RandomText
{
    private const int LongestNumber = 20;

    private readonly Piece[] _pieces;

    private RandomText(Piece[] pieces) => _pieces = pieces;

    public bool IsConstant => _pieces.All(piece => !piece.IsHole);

    public static RandomText Parse(string text)
    {
        var pieces = new List<Piece>();
        int from = 0;
        foreach (Match hole in Holes().Matches(text))
        {
            long low = long.Parse(hole.Groups[1].ValueSpan, CultureInfo.InvariantCulture);
            long high = long.Parse(hole.Groups[2].ValueSpan, CultureInfo.InvariantCulture);
            if (low > high)
            {
                throw new ArgumentException($"The range {hole.Value} is empty; write the smaller number first.", nameof(text));
            }

            pieces.Add(new Piece(Encoding.UTF8.GetBytes(text[from..hole.Index]), low, high, IsHole: true));
            from = hole.Index + hole.Length;
        }

        pieces.Add(new Piece(Encoding.UTF8.GetBytes(text[from..]), 0, 0, IsHole: false));
        return new RandomText([.. pieces]);
    }

    public void Write(IBufferWriter<byte> output, ref RequestRandom random)
    {
        foreach (Piece piece in _pieces)
        {
            output.Write(piece.Literal);
            if (piece.IsHole)
            {
                Utf8Formatter.TryFormat(random.Next(piece.Low, piece.High), output.GetSpan(LongestNumber), out int written);
                output.Advance(written);
            }
        }
    }

    [GeneratedRegex(@"\{([0-9]{1,18})\.\.([0-9]{1,18})\}")]
    private static partial Regex Holes();

    /// <summary>Bytes, then (in all pieces but the last) a number.</summary>
    private readonly record struct Piece(byte[] Literal, long Low, long High, bool IsHole);
}
