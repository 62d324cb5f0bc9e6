namespace Scaling.Pagination.Internal;

/// <summary>How parameters stand in the SQL: by name, or by number after the query's own.</summary>
/// <remarks>Npgsql sends numbered ones as they are; named ones it first parses the whole text for.</remarks>
internal readonly record struct Placeholders
{
    private readonly int _before;

    private Placeholders(int before) => _before = before;

    public static Placeholders Named => new(-1);

    /// <param name="before">How many parameters the query has itself.</param>
    public static Placeholders Numbered(int before) => new(before);

    /// <summary>The parameter's name in its collection; numbered ones have none.</summary>
    public string Name(int column) => _before < 0 ? $"keyset_{column}" : "";

    /// <param name="column">The key column.</param>
    /// <param name="parameter">Which of our parameters it is: NULLs have none.</param>
    public string Text(int column, int parameter) => _before < 0 ? $"@{Name(column)}" : $"${_before + parameter + 1}";
}
