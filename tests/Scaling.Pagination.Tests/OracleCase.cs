using System.Linq.Expressions;
using FsCheck;
using FsCheck.Fluent;

namespace Scaling.Pagination.Tests;

/// <summary>One column of a generated keyset, and the same thing as plain SQL: the second opinion.</summary>
public sealed record OracleColumn(string Name, bool Descending, Nulls Nulls)
{
    public string OrderTerm => $"{Name} {(Descending ? "desc" : "asc")}{Nulls switch { Nulls.First => " nulls first", Nulls.Last => " nulls last", _ => "" }}";
}

/// <summary>A keyset, rows (by seed, so that a failing case prints short) and a page size.</summary>
public sealed record OracleCase(OracleColumn[] Columns, bool IdDescending, int Rows, int Seed, int PageSize)
{
    private static readonly string[] NotNull = ["small", "plain", "icu", "fuzzy", "at", "ratio", "flag", "amount", "key", "day"];
    private static readonly string[] Nullable = ["small_or_null", "plain_or_null", "fuzzy_or_null", "at_or_null", "ratio_or_null", "flag_or_null"];

    private static readonly Gen<OracleColumn> Column = Gen.OneOf(
        from name in Gen.Elements(NotNull) from down in Gen.Elements(false, true) select new OracleColumn(name, down, Nulls.None),
        from name in Gen.Elements(Nullable) from down in Gen.Elements(false, true) from nulls in Gen.Elements(Nulls.First, Nulls.Last) select new OracleColumn(name, down, nulls));

    private static readonly Gen<OracleColumn[]> SomeColumns =
        from count in Gen.Choose(0, 3) from columns in Column.ArrayOf(count) select columns.DistinctBy(c => c.Name).ToArray();

    /// <summary>EF Core compiles each shape once (tens of ms), so its cases share a pool of keysets.</summary>
    private static readonly OracleColumn[][] Pool = SomeColumns.Sample(28, 28);

    public static Gen<OracleCase> Any => Of(SomeColumns);

    public static Gen<OracleCase> OfPool => Of(Gen.Elements(Pool));

    public string OrderBy => string.Join(", ", [.. Columns.Select(c => c.OrderTerm), $"id {(IdDescending ? "desc" : "asc")}"]);

    public Keyset<OracleRow> Keyset
    {
        get
        {
            KeysetBuilder<OracleRow> builder = Pagination.Keyset.For<OracleRow>();
            foreach (OracleColumn column in Columns)
            {
                builder = column.Name switch
                {
                    "small" => Add(r => r.Small),
                    "small_or_null" => Add(r => r.SmallOrNull),
                    "plain" => Add(r => r.Plain),
                    "plain_or_null" => Add(r => r.PlainOrNull),
                    "icu" => Add(r => r.Icu),
                    "fuzzy" => Add(r => r.Fuzzy),
                    "fuzzy_or_null" => Add(r => r.FuzzyOrNull),
                    "at" => Add(r => r.At),
                    "at_or_null" => Add(r => r.AtOrNull),
                    "ratio" => Add(r => r.Ratio),
                    "ratio_or_null" => Add(r => r.RatioOrNull),
                    "flag" => Add(r => r.Flag),
                    "flag_or_null" => Add(r => r.FlagOrNull),
                    "amount" => Add(r => r.Amount),
                    "key" => Add(r => r.Key),
                    _ => Add(r => r.Day),
                };

                KeysetBuilder<OracleRow> Add<TValue>(Expression<Func<OracleRow, TValue>> value) =>
                    column.Descending ? builder.Descending(value, column.Nulls) : builder.Ascending(value, column.Nulls);
            }
            return IdDescending ? builder.Descending(r => r.Id) : builder.Ascending(r => r.Id);
        }
    }

    public OracleRow[] MakeRows(int caseId)
    {
        var random = new Random(Seed);
        return [.. Enumerable.Range(0, Rows).Select(i => OracleRow.Generate(random, caseId, i * 7 % 97))];
    }

    public override string ToString() => $"ORDER BY {OrderBy}; {Rows} rows of seed {Seed}, pages of {PageSize}";

    private static Gen<OracleCase> Of(Gen<OracleColumn[]> columns) =>
        from some in columns
        from idDown in Gen.Elements(false, true)
        from rows in Gen.Choose(0, 18)
        from seed in Gen.Choose(0, int.MaxValue - 1)
        from size in Gen.Choose(1, 11)
        select new OracleCase(some, idDown, rows, seed, size);
}
