[assembly: CollectionBehavior(CollectionBehavior.CollectionPerAssembly)] // each test starts a whole tier: one at a time on two cores
