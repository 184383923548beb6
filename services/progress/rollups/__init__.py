"""Rollups of units, kept equal to a full recomputation."""
