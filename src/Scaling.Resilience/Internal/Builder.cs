using System.Diagnostics.CodeAnalysis;
using Polly;

namespace Scaling.Resilience.Internal;

internal static class Builder
{
    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "Polly validates DataAnnotations by reflection; our options carry none and validate themselves.")]
    public static TBuilder Add<TBuilder>(TBuilder builder, Func<StrategyBuilderContext, ResilienceStrategy> factory, ResilienceStrategyOptions options)
        where TBuilder : ResiliencePipelineBuilderBase
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.AddStrategy(factory, options);
    }
}
