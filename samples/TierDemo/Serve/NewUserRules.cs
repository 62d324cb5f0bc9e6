using TierDemo.Users;

namespace TierDemo.Serve;

/// <summary>What a new user must look like. E-mail is not unique: the guide posts the same one thousands of times.</summary>
internal static class NewUserRules
{
    public const string Example = """{"name":"Test User","email":"test@batch.com"}""";

    private const int MaxName = 200;
    private const int MaxEmail = 320;

    public static (string Name, string Email) Check(NewUser? user) =>
        (Check("name", user?.Name, MaxName), Check("email", user?.Email, MaxEmail) is { } email && email.Contains('@')
            ? email
            : throw new ProblemException(400, "Not an e-mail address", $"'email' must contain an @: send {Example}."));

    private static string Check(string field, string? value, int longest)
    {
        if (string.IsNullOrWhiteSpace(value))
        {
            throw new ProblemException(400, "Missing field", $"'{field}' is missing or empty: send {Example}.");
        }

        if (value.Length > longest)
        {
            throw new ProblemException(400, "Field too long", $"'{field}' has {value.Length:N0} characters: send at most {longest}.");
        }

        // Postgres text holds neither; better said here than by the database.
        if (value.Contains('\0') || HasLoneSurrogate(value))
        {
            throw new ProblemException(400, "Field not storable", $"'{field}' contains a NUL or half of a surrogate pair: send valid Unicode text without NUL.");
        }

        return value;
    }

    private static bool HasLoneSurrogate(string value)
    {
        for (int i = 0; i < value.Length; i++)
        {
            if (char.IsHighSurrogate(value[i]) && i + 1 < value.Length && char.IsLowSurrogate(value[i + 1]))
            {
                i++;
            }
            else if (char.IsSurrogate(value[i]))
            {
                return true;
            }
        }

        return false;
    }
}
