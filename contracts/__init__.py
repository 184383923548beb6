"""What crosses a boundary: events, baselines, measurements, dead letters, topics. Imports nothing of services."""

from typing import Final

RULES: Final = 1
"""Number of the contract and measuring code that judged a record. Raised whenever a verdict or a figure could change."""

SAME_COLUMNS_SINCE: Final = 1
"""The lowest rules whose rows of `measurements` hold all that `RULES` takes from a record, with the same values: these rows
can be measured anew under `RULES` without the record. To be raised with `RULES` whenever that ceases to hold."""
