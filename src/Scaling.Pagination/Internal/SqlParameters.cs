using Npgsql;

namespace Scaling.Pagination.Internal;

internal static class SqlParameters
{
    /// <summary>The cursor's values; a NULL is written into the text instead.</summary>
    public static NpgsqlParameter[] Of<T>(Keyset<T> keyset, KeyPosition? position, Placeholders placeholders)
    {
        var parameters = new List<NpgsqlParameter>(keyset.Columns.Length);
        KeyValue?[] values = position?.Values ?? [];
        for (int i = 0; i < values.Length; i++)
        {
            if (values[i] is { } value)
            {
                keyset.Columns[i].EnsureStorable(value);
                parameters.Add(keyset.Columns[i].ToParameter(placeholders.Name(i), value));
            }
        }
        return [.. parameters];
    }
}
