"""Figures of scopes and periods, kept equal to what the rollups as they are shown come to."""
