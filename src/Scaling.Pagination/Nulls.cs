namespace Scaling.Pagination;

/// <summary>Whether a key column holds NULLs, and on which side of the other values they stand.</summary>
/// <remarks>
/// It is never guessed: a page that is silently ordered the other way round, or a comparison with NULL that is
/// never true, loses rows. An index that serves the order must place its NULLs alike; Postgres's own default is
/// <c>ASC NULLS LAST</c> and <c>DESC NULLS FIRST</c>.
/// </remarks>
public enum Nulls
{
    /// <summary>The column is NOT NULL. The default.</summary>
    None,

    /// <summary>NULLs come before every value (<c>NULLS FIRST</c>).</summary>
    First,

    /// <summary>NULLs come after every value (<c>NULLS LAST</c>).</summary>
    Last,
}
