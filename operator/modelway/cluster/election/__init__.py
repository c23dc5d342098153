"""Leader election: one of several operators writes, by a Lease."""
