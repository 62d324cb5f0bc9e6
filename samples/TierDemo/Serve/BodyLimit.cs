using Microsoft.AspNetCore.Http.Features;

namespace TierDemo.Serve;

/// <summary>How large a body may be, refused in a way that the client gets to read.</summary>
internal static class BodyLimit
{
    public const int Bytes = 64 * 1024;

    /// <summary>
    /// Call before reading. Kestrel's own limit cuts the connection while the client still sends, and many clients then report a broken pipe
    /// instead of the answer. A declared length is refused here at once: Kestrel drops the body that still comes, for 5 s at most. Only a body
    /// of no declared length is left to Kestrel's limit.
    /// </summary>
    /// <exception cref="ProblemException">413: the declared length is too large.</exception>
    public static void Apply(HttpContext context)
    {
        if (context.Request.ContentLength > Bytes)
        {
            throw TooLarge();
        }

        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = Bytes;
        }
    }

    public static ProblemException TooLarge() => new(StatusCodes.Status413PayloadTooLarge, "Body too large", $"Send at most 64 KiB, like {NewUserRules.Example}.");
}
