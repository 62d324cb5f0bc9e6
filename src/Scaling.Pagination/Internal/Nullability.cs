using System.Reflection;

namespace Scaling.Pagination.Internal;

internal static class Nullability
{
    /// <summary>Whether the compiler was told that the value may be null; of text without annotations nothing is known.</summary>
    public static bool MayBeNull(Type type, MemberInfo? member)
    {
        if (type.IsValueType)
        {
            return Nullable.GetUnderlyingType(type) is not null;
        }
        // Trimmed applications switch the annotations off, and the context throws then.
        bool isKnown = !AppContext.TryGetSwitch("System.Reflection.NullabilityInfoContext.IsSupported", out bool supported) || supported;
        return isKnown && member is PropertyInfo property && new NullabilityInfoContext().Create(property).ReadState == NullabilityState.Nullable;
    }
}
