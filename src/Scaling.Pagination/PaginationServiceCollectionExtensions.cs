using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Scaling.Pagination;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers Scaling.Pagination.</summary>
public static class PaginationServiceCollectionExtensions
{
    /// <summary>Adds a <see cref="Pager"/>; its options are checked when the host starts.</summary>
    /// <param name="services">Where to add it.</param>
    /// <param name="configure">Sets the options; bind configuration with <c>services.Configure&lt;PaginationOptions&gt;(section)</c>.</param>
    public static IServiceCollection AddPagination(this IServiceCollection services, Action<PaginationOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddOptions<PaginationOptions>().Configure(configure ?? (_ => { })).ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<PaginationOptions>, Validator>());
        services.TryAddSingleton(provider => new Pager(provider.GetRequiredService<IOptions<PaginationOptions>>().Value));
        return services;
    }

    private sealed class Validator : IValidateOptions<PaginationOptions>
    {
        public ValidateOptionsResult Validate(string? name, PaginationOptions options)
        {
            try
            {
                options.Validate();
                return ValidateOptionsResult.Success;
            }
            catch (ArgumentException e)
            {
                return ValidateOptionsResult.Fail(e.Message);
            }
        }
    }
}
