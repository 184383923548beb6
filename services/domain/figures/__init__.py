"""Figures: what is said of a scope and a period, with intervals and grades, computed from rollups."""
