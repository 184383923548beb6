"""How many are enough: the sizes that the design asks of a control, once."""

from typing import Final

MIN_CLUSTERS: Final = 30
"""Clusters of a cell, in each arm where there are two. With fewer an interval still holds, by t, but is wide."""
MIN_CONTROLS: Final = 200
"""Control tasks of a cell."""
