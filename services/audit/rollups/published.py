"""What was published at a moment: the newest head of each unit by then. Evidence, read as it was stored, not recomputed."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal

from contracts.events import epoch_ms
from services.audit.rollups.clickhouse import UnitStore

By = Literal["authority", "day", "task-type"]

_GROUPS: Final[dict[By | None, str]] = {
    None: "''",
    "authority": "authority",
    "day": "toString(day)",
    "task-type": "task_type",
}
_WHERE: Final = """published_at <= fromUnixTimestamp64Milli({at:Int64}, 'UTC') AND shown_until > fromUnixTimestamp64Milli({at:Int64}, 'UTC')
    AND ({everybody:Bool} OR authority IN {authorities:Array(String)})"""
_TOTALS: Final = f"""
SELECT {{group}} AS named, sum(n) AS tasks, sumIf(n, status = 'measured') AS measured, sumIf(n, status = 'unmeasured') AS unmeasured,
       sumIf(n, status = 'incomplete') AS incomplete, sum(n_capped) AS capped,
       sumIf(n, role = 'treated' AND status = 'measured') AS treated,
       sumIf(gross_ms, role = 'treated' AND status = 'measured') AS gross, sumIf(saved_ms, role = 'treated') AS net
FROM published_progress WHERE {_WHERE} GROUP BY named ORDER BY named
"""
_UNITS: Final = f"""
SELECT count(), toUnixTimestamp64Milli(max(published_at)), min(day), max(day) FROM publications WHERE {_WHERE} AND n > 0
"""


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
    `None` where nothing was published yet. `groups`: by what was asked for; `total` over all of them."""

    units: int
    newest_ms: int | None
    first_day: date | None
    last_day: date | None
    total: Total
    groups: tuple[Total, ...]


def published(
    store: UnitStore, at: datetime, authorities: Collection[str] | None = None, by: By | None = None
) -> Published:
    """What was shown at `at`, of some authorities or (none) of all. Raises `Retry` or `Halt`."""
    asked = {"at": epoch_ms(at), "everybody": authorities is None, "authorities": sorted(authorities or ())}
    ((units, newest_ms, first, last),) = store.rows(_UNITS, asked)
    known = (newest_ms, first, last) if units else (None, None, None)
    total = [Total(*row) for row in store.rows(_TOTALS.replace("{group}", _GROUPS[None]), asked)]
    groups = [Total(*row) for row in store.rows(_TOTALS.replace("{group}", _GROUPS[by]), asked)] if by else []
    return Published(units, *known, total[0] if total else Total("", *(0,) * 8), tuple(groups))
