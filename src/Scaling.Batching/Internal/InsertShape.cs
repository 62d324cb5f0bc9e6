using System.Text;

namespace Scaling.Batching.Internal;

/// <summary>What an insert writes and how it meets conflicts. Fixed as soon as it is first used.</summary>
internal sealed class InsertShape<T>(string table, string? schema)
{
    /// <summary>Where COPY has overtaken unnest, from 1,000 rows on for wide ones and 3,000 for narrow ones: <c>docs/results/batching.md</c>.</summary>
    private const int MeasuredCrossing = 2_000;

    private readonly List<InsertColumn<T>> _columns = [];
    private string[] _key = [];
    private bool _isFixed;

    public string Table { get; } = schema is null ? Quote(table) : $"{Quote(schema)}.{Quote(table)}";

    public IReadOnlyList<InsertColumn<T>> Columns => _columns;

    /// <summary>Positions of the conflict key's columns; empty without a conflict clause.</summary>
    public int[] Key { get; private set; } = [];

    public bool UpdatesOnConflict { get; private set; }

    /// <summary>The quoted column to return, or null.</summary>
    public string? Returned { get; private set; }

    public int CopyAbove { get; set => field = Changing(value); } = MeasuredCrossing;

    /// <summary>Whether doing it twice has the effect of doing it once.</summary>
    public bool IsIdempotent => Key.Length > 0;

    public bool CanCopy => Key.Length == 0 && Returned is null;

    public void Add(InsertColumn<T> column)
    {
        if (_columns.Any(other => other.Name == column.Name))
        {
            throw new ArgumentException($"Column \"{column.Name}\" has been added already.", nameof(column));
        }

        _columns.Add(Changing(column));
    }

    public void OnConflict(string[] key, bool update)
    {
        ArgumentNullException.ThrowIfNull(key);
        _key = Changing(key).Length > 0 ? key : throw new ArgumentException("Name at least one column of a unique index.", nameof(key));
        UpdatesOnConflict = update;
    }

    public void Return(string column) => Returned = Changing(Quote(column));

    /// <summary>Checks the whole and forbids changes.</summary>
    public void Fix()
    {
        if (_isFixed)
        {
            return;
        }

        Key = Array.ConvertAll(_key, name => _columns.FindIndex(column => column.Name == name) is >= 0 and var index
            ? index
            : throw new InvalidOperationException($"The conflict key \"{name}\" is not among the inserted columns. Add Column(\"{name}\", …)."));
        if (_columns.Count == 0)
        {
            throw new InvalidOperationException($"The insert into {Table} has no columns. Add at least one.");
        }

        if (UpdatesOnConflict && Key.Length == _columns.Count)
        {
            throw new InvalidOperationException("Every column belongs to the conflict key, so there is nothing to update. Use OnConflictDoNothing.");
        }

        _isFixed = true;
    }

    public static string Quote(string identifier)
    {
        ArgumentException.ThrowIfNullOrEmpty(identifier);
        return identifier.Contains('\0')
            ? throw new ArgumentException("An identifier cannot contain the character NUL.", nameof(identifier))
            : new StringBuilder(identifier).Replace("\"", "\"\"").Insert(0, '"').Append('"').ToString();
    }

    private TValue Changing<TValue>(TValue value) =>
        _isFixed ? throw new InvalidOperationException("The insert has been used already and cannot be changed any more.") : value;
}
