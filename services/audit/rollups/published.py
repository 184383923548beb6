"""What was published at a moment: the newest head of each unit by then. Evidence, read as it was stored, not recomputed."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from contracts.events import epoch_ms
from services.audit.as_of.totals import By
from services.audit.rollups.clickhouse import PublishedStore

_GROUPS: Final[dict[By | None, str]] = {
    None: "''",
    By.AUTHORITY: "authority",
    By.DAY: "toString(day)",
    By.TASK_TYPE: "task_type",
}


@dataclass(frozen=True, slots=True)
class Total:
    """What was shown of a group. Tasks by status; gross and net of treated measured tasks, milliseconds."""

    named: str
    tasks: int
    measured: int
    unmeasured: int
    incomplete: int
    capped: int
    treated: int
    gross_ms: int
    net_ms: int


@dataclass(frozen=True, slots=True)
class Published:
    """What was shown at a moment, of how many units, with the time of the newest publication and the days of the tasks; these are
    `None` where nothing was published yet, or all of it is empty again. `groups`: by what was asked for; `total` over all of them."""

    units: int
    newest_ms: int | None
    first_day: date | None
    last_day: date | None
    total: Total
    groups: tuple[Total, ...]


def published(
    store: PublishedStore, at: datetime, authorities: Collection[str] | None = None, by: By | None = None
) -> Published:
    """What was shown at `at`, of some authorities or (none) of all. Raises `Retry` or `Halt`."""
    asked = {"at": epoch_ms(at), "everybody": authorities is None, "authorities": sorted(authorities or ())}
    units, newest_ms, first, last = store.shown_units(asked)
    if not units:
        return Published(0, None, None, None, Total("", *(0,) * 8), ())
    (total,), groups = ([Total(*row) for row in store.shown_totals(_GROUPS[group], asked)] for group in (None, by))
    return Published(units, newest_ms, first, last, total, tuple(groups) if by else ())
