"""What crosses a boundary: events, baselines, measurements, dead letters, topics. Imports nothing of services."""

from typing import Final

RULES: Final = 1
"""Number of the contract and measuring code that judged a record. Raised whenever a verdict or a figure could change."""
