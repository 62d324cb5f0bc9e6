using System.Text;

namespace TierDemo.Load.Internal;

/// <summary>Numbers the values of one response header, so that counting a known one neither allocates nor locks. Thread-safe.</summary>
internal sealed class HeaderCounter(string name)
{
    /// <summary>A header with more different values than this (an ETag, a date) is not for counting: the rest fall under "(other)", index 0.</summary>
    public const int MaxValues = 32;

    private readonly byte[] _name = Encoding.ASCII.GetBytes(name);
    private readonly Lock _growing = new();
    private volatile byte[][] _values = [Encoding.ASCII.GetBytes("(other)")];

    public string Name => name;

    public bool IsNamed(ReadOnlySpan<byte> header) => Ascii.EqualsIgnoreCase(header, _name);

    public string ValueAt(int index) => Encoding.Latin1.GetString(_values[index]);

    public int IndexOf(ReadOnlySpan<byte> value)
    {
        int index = Find(_values, value);
        return index >= 0 ? index : Add(value);
    }

    private int Add(ReadOnlySpan<byte> value)
    {
        lock (_growing)
        {
            int index = Find(_values, value); // another thread may have added it since
            if (index >= 0 || _values.Length == MaxValues)
            {
                return Math.Max(index, 0);
            }

            _values = [.. _values, value.ToArray()]; // readers see the old array or the whole new one
            return _values.Length - 1;
        }
    }

    private static int Find(byte[][] values, ReadOnlySpan<byte> value)
    {
        for (int i = 1; i < values.Length; i++)
        {
            if (value.SequenceEqual(values[i]))
            {
                return i;
            }
        }

        return -1;
    }
}
