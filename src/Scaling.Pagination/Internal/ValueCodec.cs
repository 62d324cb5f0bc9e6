using Npgsql;

namespace Scaling.Pagination.Internal;

/// <summary>How values of one type go into a cursor, come out of it, and become a Postgres parameter: unchanged or not at all.</summary>
internal abstract class ValueCodec<TValue>(string name)
{
    /// <summary>Part of the fingerprint: two types never read each other's bytes.</summary>
    public string Name { get; } = name;

    public abstract void Write(ref CursorWriter writer, TValue value);

    public abstract TValue Read(ref CursorReader reader);

    /// <summary>Throws when Postgres would store the value as another one, so that the cursor would point elsewhere.</summary>
    public virtual void EnsureStorable(TValue value)
    {
    }

    public virtual NpgsqlParameter ToParameter(string name, TValue value) => new NpgsqlParameter<TValue>(name, value);
}

/// <summary>The same values, boxed in a nullable; whether there is one is the column's byte, not ours.</summary>
internal sealed class NullableCodec<TValue>(ValueCodec<TValue> inner) : ValueCodec<TValue?>(inner.Name)
    where TValue : struct
{
    public override void Write(ref CursorWriter writer, TValue? value) => inner.Write(ref writer, value.GetValueOrDefault());

    public override TValue? Read(ref CursorReader reader) => inner.Read(ref reader);

    public override void EnsureStorable(TValue? value) => inner.EnsureStorable(value.GetValueOrDefault());

    public override NpgsqlParameter ToParameter(string name, TValue? value) => inner.ToParameter(name, value.GetValueOrDefault());
}
