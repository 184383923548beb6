"""What can be found when rollups are verified."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from services.domain.rollups.tables import Unit


class Kind(StrEnum):
    """What is wrong. The names are stable: fields of `--json`.

    `ALTERED`: a row, or the rows of a run, are not what was published. `MISSING`: a row is gone, or a head that a later one names.
    `ADDED`: a row too many. `HEAD`: a head is not what it says of itself. `UNPUBLISHED`: rows that no head names, so no figure
    shows them: a writer died before the head, or works just now, or somebody added them, or deleted the head.
    """

    ALTERED = "altered"
    MISSING = "missing"
    ADDED = "added"
    HEAD = "head"
    UNPUBLISHED = "unpublished"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was published: in which table, of which unit and run, and what."""

    kind: Kind
    table: str
    authority: str
    day: date
    run: int
    what: str

    @classmethod
    def of(cls, kind: Kind, table: str, unit: Unit, run: int, what: str) -> "Finding":
        """Of a unit's run."""
        return cls(kind, table, unit.authority, unit.day, run, what)
