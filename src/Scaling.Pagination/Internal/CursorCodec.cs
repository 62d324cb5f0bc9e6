using System.Runtime.CompilerServices;

namespace Scaling.Pagination.Internal;

/// <summary>A row's key to a cursor, and a cursor back to a position.</summary>
[SkipLocalsInit]
internal static class CursorCodec
{
    // The seal is computed over the content and the 8 bytes of the fingerprint.
    private const int BufferLength = CursorFormat.MaxBytes + sizeof(ulong);

    public static string Encode<T>(Keyset<T> keyset, T row, string? scope, CursorKeys? keys, bool inclusive)
    {
        ulong fingerprint = CursorFormat.Scoped(keyset.Fingerprint, scope);
        var writer = new CursorWriter(stackalloc byte[CursorFormat.MaxBytes]);
        CursorFormat.WriteHeader(ref writer, fingerprint, keys is not null, inclusive);
        WriteKey(keyset, row, ref writer);
        return CursorFormat.Seal(ref writer, fingerprint, keys);
    }

    /// <summary>The same position, with or without the place itself.</summary>
    public static string Encode<T>(Keyset<T> keyset, KeyPosition position, string? scope, CursorKeys? keys, bool inclusive)
    {
        ulong fingerprint = CursorFormat.Scoped(keyset.Fingerprint, scope);
        var writer = new CursorWriter(stackalloc byte[CursorFormat.MaxBytes]);
        CursorFormat.WriteHeader(ref writer, fingerprint, keys is not null, inclusive);
        for (int i = 0; i < keyset.Columns.Length; i++)
        {
            keyset.Columns[i].Write(ref writer, position.Values[i]);
        }
        return CursorFormat.Seal(ref writer, fingerprint, keys);
    }

    /// <summary>The position the request starts from; null for the first or the last page.</summary>
    public static KeyPosition? Decode<T>(Keyset<T> keyset, PageRequest request)
    {
        if (request.Cursor is not { } cursor)
        {
            return null;
        }
        try
        {
            return Decode(keyset, cursor, request.Scope, request.Keys);
        }
        catch (InvalidCursorException e)
        {
            PaginationMetrics.CursorRefused(e.Reason);
            throw;
        }
    }

    public static KeyPosition Decode<T>(Keyset<T> keyset, string cursor, string? scope, CursorKeys? keys)
    {
        Span<byte> buffer = stackalloc byte[BufferLength];
        ulong fingerprint = CursorFormat.Scoped(keyset.Fingerprint, scope);
        var reader = new CursorReader(CursorFormat.Open(cursor, buffer, fingerprint, keys, out bool inclusive));
        var values = new KeyValue?[keyset.Columns.Length];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = keyset.Columns[i].Read(ref reader);
        }
        return reader.AtEnd ? new KeyPosition(values, inclusive) : throw CursorReader.Malformed();
    }

    public static bool SameKey<T>(Keyset<T> keyset, T left, T right)
    {
        var first = new CursorWriter(stackalloc byte[CursorFormat.MaxBytes]);
        var second = new CursorWriter(stackalloc byte[CursorFormat.MaxBytes]);
        WriteKey(keyset, left, ref first);
        WriteKey(keyset, right, ref second);
        return first.Written.SequenceEqual(second.Written);
    }

    private static void WriteKey<T>(Keyset<T> keyset, T row, ref CursorWriter writer)
    {
        foreach (KeyColumn<T> column in keyset.Columns)
        {
            column.Write(ref writer, row);
        }
    }
}
