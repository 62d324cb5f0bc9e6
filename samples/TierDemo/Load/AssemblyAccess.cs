using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("TierDemo.Tests")] // the parser and the request templates are owned by property tests
