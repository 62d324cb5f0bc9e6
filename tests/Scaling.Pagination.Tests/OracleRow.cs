using Microsoft.EntityFrameworkCore;
using Npgsql;
using NpgsqlTypes;

namespace Scaling.Pagination.Tests;

/// <summary>A row of many types, with ties, NULLs and the values that libraries stumble over.</summary>
public sealed class OracleRow
{
    public int CaseId { get; set; }
    public long Id { get; set; }
    public int Small { get; set; }
    public int? SmallOrNull { get; set; }
    public string Plain { get; set; } = "";
    public string? PlainOrNull { get; set; }
    public string Icu { get; set; } = "";
    public string Fuzzy { get; set; } = "";
    public string? FuzzyOrNull { get; set; }
    public DateTime At { get; set; }
    public DateTime? AtOrNull { get; set; }
    public double Ratio { get; set; }
    public double? RatioOrNull { get; set; }
    public bool Flag { get; set; }
    public bool? FlagOrNull { get; set; }
    public decimal Amount { get; set; }
    public Guid Key { get; set; }
    public DateOnly Day { get; set; }

    public const string Table =
        """
        create collation if not exists icu_en (provider = icu, locale = 'en');
        create collation if not exists fuzzy (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
        create table oracle (
            case_id int not null, id bigint not null, small int not null, small_or_null int, plain text collate "C" not null, plain_or_null text collate "C",
            icu text collate icu_en not null, fuzzy text collate fuzzy not null, fuzzy_or_null text collate fuzzy, at timestamptz not null, at_or_null timestamptz,
            ratio float8 not null, ratio_or_null float8, flag bool not null, flag_or_null bool, amount numeric not null, key uuid not null, day date not null,
            primary key (case_id, id));
        """;

    private static readonly string[] Texts = ["a", "A", "abc", "ABC", "é", "e\u0301", "z", "", "\uFFFD", "\U0001F600", "B", "Ä\"'"];
    private static readonly double[] Ratios = [double.NaN, double.PositiveInfinity, double.NegativeInfinity, 0.0, -0.0, 1.5, double.Epsilon, -3];
    private static readonly decimal[] Amounts = [1.0m, 1.000m, 0.1m, decimal.MaxValue, -5m, 0m];
    private static readonly DateTime Noon = new(2026, 1, 1, 12, 0, 0, DateTimeKind.Utc);
    private static readonly DateTime[] Times = [Noon, Noon.AddMicroseconds(1), Noon.AddMicroseconds(2), Noon.AddYears(-50).AddMicroseconds(7), DateTime.SpecifyKind(DateTime.MaxValue, DateTimeKind.Utc), DateTime.SpecifyKind(DateTime.MinValue, DateTimeKind.Utc)];

    public static OracleRow Generate(Random random, int caseId, long id)
    {
        T Pick<T>(T[] values) => values[random.Next(values.Length)];
        bool Null() => random.Next(3) == 0;
        return new OracleRow
        {
            CaseId = caseId,
            Id = id,
            Small = random.Next(3),
            SmallOrNull = Null() ? null : random.Next(3),
            Plain = Pick(Texts),
            PlainOrNull = Null() ? null : Pick(Texts),
            Icu = Pick(Texts),
            Fuzzy = Pick(Texts),
            FuzzyOrNull = Null() ? null : Pick(Texts),
            At = Pick(Times),
            AtOrNull = Null() ? null : Pick(Times),
            Ratio = Pick(Ratios),
            RatioOrNull = Null() ? null : Pick(Ratios),
            Flag = random.Next(2) == 0,
            FlagOrNull = Null() ? null : random.Next(2) == 0,
            Amount = Pick(Amounts),
            Key = random.Next(2) == 0 ? new Guid(random.Next(3), 0, 0, new byte[8]) : Guid.CreateVersion7(),
            Day = new DateOnly(2026, 1, 1 + random.Next(3)),
        };
    }

    public static OracleRow Read(NpgsqlDataReader reader)
    {
        T? OrNull<T>(int column) where T : struct => reader.IsDBNull(column) ? null : reader.GetFieldValue<T>(column);
        return new OracleRow
        {
            CaseId = reader.GetInt32(0),
            Id = reader.GetInt64(1),
            Small = reader.GetInt32(2),
            SmallOrNull = OrNull<int>(3),
            Plain = reader.GetString(4),
            PlainOrNull = reader.IsDBNull(5) ? null : reader.GetString(5),
            Icu = reader.GetString(6),
            Fuzzy = reader.GetString(7),
            FuzzyOrNull = reader.IsDBNull(8) ? null : reader.GetString(8),
            At = reader.GetDateTime(9),
            AtOrNull = OrNull<DateTime>(10),
            Ratio = reader.GetDouble(11),
            RatioOrNull = OrNull<double>(12),
            Flag = reader.GetBoolean(13),
            FlagOrNull = OrNull<bool>(14),
            Amount = reader.GetDecimal(15),
            Key = reader.GetGuid(16),
            Day = reader.GetFieldValue<DateOnly>(17),
        };
    }

    public static async Task InsertAsync(NpgsqlDataSource dataSource, IEnumerable<OracleRow> rows)
    {
        await using NpgsqlConnection connection = await dataSource.OpenConnectionAsync();
        await using NpgsqlBinaryImporter copy = await connection.BeginBinaryImportAsync("copy oracle from stdin (format binary)");
        foreach (OracleRow row in rows)
        {
            async Task Write<T>(T value, NpgsqlDbType type) => await (value is null ? copy.WriteNullAsync() : copy.WriteAsync(value, type));
            await copy.StartRowAsync();
            await Write(row.CaseId, NpgsqlDbType.Integer);
            await Write(row.Id, NpgsqlDbType.Bigint);
            await Write(row.Small, NpgsqlDbType.Integer);
            await Write(row.SmallOrNull, NpgsqlDbType.Integer);
            await Write(row.Plain, NpgsqlDbType.Text);
            await Write(row.PlainOrNull, NpgsqlDbType.Text);
            await Write(row.Icu, NpgsqlDbType.Text);
            await Write(row.Fuzzy, NpgsqlDbType.Text);
            await Write(row.FuzzyOrNull, NpgsqlDbType.Text);
            await Write(row.At, NpgsqlDbType.TimestampTz);
            await Write(row.AtOrNull, NpgsqlDbType.TimestampTz);
            await Write(row.Ratio, NpgsqlDbType.Double);
            await Write(row.RatioOrNull, NpgsqlDbType.Double);
            await Write(row.Flag, NpgsqlDbType.Boolean);
            await Write(row.FlagOrNull, NpgsqlDbType.Boolean);
            await Write(row.Amount, NpgsqlDbType.Numeric);
            await Write(row.Key, NpgsqlDbType.Uuid);
            await Write(row.Day, NpgsqlDbType.Date);
        }
        await copy.CompleteAsync();
    }
}

public sealed class OracleContext(string connectionString) : DbContext
{
    public DbSet<OracleRow> Rows => Set<OracleRow>();

    protected override void OnConfiguring(DbContextOptionsBuilder optionsBuilder) => optionsBuilder.UseNpgsql(connectionString);

    protected override void OnModelCreating(ModelBuilder modelBuilder) => modelBuilder.Entity<OracleRow>(row =>
    {
        row.ToTable("oracle").HasKey(r => new { r.CaseId, r.Id });
        foreach (System.Reflection.PropertyInfo property in typeof(OracleRow).GetProperties())
        {
            row.Property(property.Name).HasColumnName(Internal.Identifier.SnakeCase(property.Name));
        }
    });
}
