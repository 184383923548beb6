"""Plain Python that computes what the system must come to, from the design's words. Nothing of the project but names."""
