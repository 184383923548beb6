"""Everything that can go wrong, on real parts: afterwards nothing is lost, nothing is doubled, every total is right."""
