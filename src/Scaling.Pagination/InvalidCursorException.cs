namespace Scaling.Pagination;

/// <summary>Why a cursor was refused.</summary>
public enum InvalidCursorReason
{
    /// <summary>It is not a cursor at all: not Base64Url, cut short, or with a value no column can hold.</summary>
    Malformed,

    /// <summary>It is longer than any cursor this package writes; it was refused before it was decoded.</summary>
    TooLong,

    /// <summary>It was written by another version of the format.</summary>
    UnknownVersion,

    /// <summary>It belongs to another list: other columns, directions, types, null order or scope.</summary>
    WrongKeyset,

    /// <summary>Its checksum does not agree with its content.</summary>
    Damaged,

    /// <summary>Signatures are required and it carries none, or none of the keys made the one it carries.</summary>
    BadSignature,
}

/// <summary>A cursor that cannot be used with this keyset. Answer it with 400 Bad Request: it came from the caller.</summary>
/// <remarks>A bad cursor is never taken for the first page, and never reaches the database.</remarks>
public sealed class InvalidCursorException : FormatException
{
    internal InvalidCursorException(InvalidCursorReason reason, Exception? inner = null)
        : base($"The cursor cannot be used here ({reason}): {Explain(reason)}", inner) => Reason = reason;

    /// <summary>Why it was refused.</summary>
    public InvalidCursorReason Reason { get; }

    private static string Explain(InvalidCursorReason reason) => reason switch
    {
        InvalidCursorReason.TooLong => "it is longer than any cursor. Pass Page.Next or Page.Previous unchanged.",
        InvalidCursorReason.UnknownVersion => "another version of the format wrote it. Start again from the first page.",
        InvalidCursorReason.WrongKeyset => "it belongs to a list with another order, filter or scope. Start again from the first page.",
        InvalidCursorReason.Damaged => "its checksum does not agree. Pass Page.Next or Page.Previous unchanged.",
        InvalidCursorReason.BadSignature => "it is not signed with a key in use. Start again from the first page.",
        _ => "it is not a cursor. Pass Page.Next or Page.Previous unchanged.",
    };
}
