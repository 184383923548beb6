"""An estimate that cannot honestly be given."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """Instead of a figure: what is missing for it, and what would mend that. A result, to be shown where the figure would
    stand; not an error."""

    reason: str
