"""Edges written by hand. They pass the same suites as the real ones: tests/integration/edges."""
