using System.IO.Compression;
using System.Xml.Linq;

namespace Packages.Tests;

public class PackageTests(PackedPackages packed)
{
    public static TheoryData<string> Packages => [.. Repository.Packages];

    [Theory, MemberData(nameof(Packages))]
    public void A_package_holds_the_library_its_documentation_and_its_readme(string package)
    {
        using ZipArchive archive = ZipFile.OpenRead(packed.PathOf(package));

        foreach (string name in (string[])[$"lib/net10.0/{package}.dll", $"lib/net10.0/{package}.xml", "README.md"])
        {
            Assert.True(archive.GetEntry(name) is { Length: > 0 }, $"{package} has no {name}, or an empty one");
        }
    }

    [Theory, MemberData(nameof(Packages))]
    public void Symbols_lie_beside_a_package(string package)
    {
        using ZipArchive archive = ZipFile.OpenRead(packed.PathOf(package, "snupkg"));

        Assert.NotNull(archive.GetEntry($"lib/net10.0/{package}.pdb"));
    }

    [Theory, MemberData(nameof(Packages))]
    public void A_package_names_its_license_readme_and_purpose(string package)
    {
        XElement metadata = Metadata(package);

        Assert.Equal("MIT", Text(metadata, "license"));
        Assert.Equal("README.md", Text(metadata, "readme"));
        Assert.False(string.IsNullOrWhiteSpace(Text(metadata, "description")));
        Assert.NotEqual("Package Description", Text(metadata, "description"));
    }

    [Theory, MemberData(nameof(Packages))]
    public void A_package_depends_on_no_other_one_but_its_own_core(string package)
    {
        IEnumerable<string> siblings = Metadata(package).Descendants()
            .Where(element => element.Name.LocalName == "dependency")
            .Select(element => (string)element.Attribute("id")!)
            .Where(id => id.StartsWith("Scaling.", StringComparison.Ordinal));

        Assert.All(siblings, id => Assert.StartsWith($"{id}.", package, StringComparison.Ordinal));
    }

    private XElement Metadata(string package)
    {
        using ZipArchive archive = ZipFile.OpenRead(packed.PathOf(package));
        using Stream nuspec = archive.GetEntry($"{package}.nuspec")!.Open();
        return XDocument.Load(nuspec).Root!.Elements().Single(element => element.Name.LocalName == "metadata");
    }

    private static string? Text(XElement metadata, string name) =>
        metadata.Elements().SingleOrDefault(element => element.Name.LocalName == name)?.Value;
}
