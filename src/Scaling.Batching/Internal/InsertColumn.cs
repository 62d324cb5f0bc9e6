using Npgsql;

namespace Scaling.Batching.Internal;

/// <summary>One column of an insert: its name and how its value is taken from an item.</summary>
internal abstract class InsertColumn<T>(string name)
{
    public string Name { get; } = name;

    public string Quoted { get; } = InsertShape<T>.Quote(name);

    /// <summary>The column's values as one array, checked row by row.</summary>
    public abstract NpgsqlParameter ToParameter(IReadOnlyList<T> items, bool isKey);

    /// <summary>Writes one value to a COPY.</summary>
    public abstract Task CopyAsync(NpgsqlBinaryImporter importer, T item, string dataType, CancellationToken cancellationToken);
}

internal sealed class InsertColumn<T, TValue> : InsertColumn<T>
{
    private readonly Func<T, TValue> _value;

    public InsertColumn(string name, Func<T, TValue> value) : base(name)
    {
        ArgumentNullException.ThrowIfNull(value);
        Type type = typeof(TValue);
        if ((type.IsArray && type != typeof(byte[])) || (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(List<>)))
        {
            throw new ArgumentException(
                $"Column \"{name}\" takes arrays, which unnest would flatten into rows. Pass text and let the server cast it ('{{{{1,2}}}}'), or write this table with a delegate of your own.", nameof(value));
        }

        _value = value;
    }

    public override NpgsqlParameter ToParameter(IReadOnlyList<T> items, bool isKey)
    {
        var values = new TValue[items.Count];
        int row = 0;
        try
        {
            for (; row < values.Length; row++)
            {
                values[row] = Checked(items[row]);
                if (isKey && values[row] is null)
                {
                    throw new ArgumentException($"Column \"{Name}\" belongs to the conflict key and must not be null.");
                }
            }
        }
        catch (Exception error)
        {
            throw new RowFaultException(row, error);
        }

        return new NpgsqlParameter<TValue[]> { TypedValue = values };
    }

    public override Task CopyAsync(NpgsqlBinaryImporter importer, T item, string dataType, CancellationToken cancellationToken) =>
        Checked(item) is { } value
            ? importer.WriteAsync(value, dataType, cancellationToken)
            : importer.WriteNullAsync(cancellationToken);

    private TValue Checked(T item)
    {
        TValue value = _value(item);
        if (value is string text && TextFault.Find(text) is { } fault)
        {
            throw new ArgumentException($"Column \"{Name}\": {fault}");
        }

        return value;
    }
}
