"""Rollups: what is published of a unit, an authority's day, and how it is told from what has changed since.

Invariant: a unit is recomputed whole from one copy of its tasks, never incremented. Its run, the sum of the marks of these
tasks, names that copy, and the rows of a run follow from it; so writing a run twice is writing it once, and rows that no head
names are shown by nobody. Rows come first, then their head. Every run is kept.
"""
