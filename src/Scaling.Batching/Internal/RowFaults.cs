using System.Text;
using Npgsql;

namespace Scaling.Batching.Internal;

/// <summary>Which errors of PostgreSQL and Npgsql are the fault of a single row.</summary>
internal static class RowFaults
{
    /// <summary>
    /// Data exceptions (22), integrity violations (23), check option violations (44), exceptions raised by triggers (P0001), a row
    /// twice in one upsert (21000), and values that Npgsql cannot encode. Nothing else: a missing table is every row's fault.
    /// </summary>
    public static bool IsRowFault(Exception error) => error switch
    {
        PostgresException { SqlState: var state } =>
            state.StartsWith("22", StringComparison.Ordinal)
            || state.StartsWith("23", StringComparison.Ordinal)
            || state.StartsWith("44", StringComparison.Ordinal)
            || state is PostgresErrorCodes.RaiseException or PostgresErrorCodes.CardinalityViolation,
        EncoderFallbackException or InvalidCastException or OverflowException or FormatException => true,
        ArgumentException and not ArgumentNullException => true,
        _ => false,
    };

    /// <summary>
    /// The row that a failed COPY names, or -1. The context reads "COPY table, line 6" and is translated, so only its shape is
    /// trusted: after the last comma-separated mention of the table, the first number within the batch.
    /// </summary>
    public static int FindCopyRow(PostgresException error, int rows)
    {
        string where = error.Where ?? "";
        int start = where.IndexOf("COPY ", StringComparison.Ordinal);
        int comma = start < 0 ? -1 : where.IndexOf(", ", start, StringComparison.Ordinal);
        if (comma < 0)
        {
            return -1;
        }

        int digit = where.AsSpan(comma).IndexOfAnyInRange('0', '9');
        if (digit < 0)
        {
            return -1;
        }

        ReadOnlySpan<char> number = where.AsSpan(comma + digit);
        int end = number.IndexOfAnyExceptInRange('0', '9');
        return int.TryParse(end < 0 ? number : number[..end], out int line) && line >= 1 && line <= rows ? line - 1 : -1;
    }
}
