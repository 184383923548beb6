"""The columns of the two tables of rollups, and the digest of a run's rows."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple, TypeAlias

import pyarrow as pa


class Unit(NamedTuple):
    """What is recomputed together: the tasks that an authority completed on a day (UTC)."""

    authority: str
    day: date


UNIT: Final = ("authority", "day", "run")


@dataclass(frozen=True, slots=True)
class Layout:
    """A table of rollups: `keys` tell the rows of a run apart, `follows` follows from them, `amounts` are sums (milliseconds,
    and counts of tasks where the name begins with n)."""

    table: str
    keys: tuple[str, ...]
    follows: tuple[str, ...]
    amounts: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns of a row beside its unit and run, in the order of the digest."""
        return (*self.keys, *self.follows, *self.amounts)


_PARTS: Final = ("active_ms", "review_ms", "rework_ms", "abandoned_ms", "escalated_ms", "induced_ms")
DAILY: Final = Layout(
    table="progress_daily",
    keys=(
        *("task_type", "complexity", "assistance", "arm", "status", "grade", "programme", "work", "audience"),
        *("baseline", "baseline_version", "assignment", "time_basis"),
    ),
    follows=("role",),
    amounts=(
        *("n", "n_credit", "n_capped", "n_reworked", "n_abandoned", "n_escalated", "n_induced"),
        *("effort_ms", "credit_ms", "saved_ms", "gross_ms", *_PARTS),
    ),
)
CLUSTERS: Final = Layout(
    table="progress_clusters",
    keys=("task_type", "complexity", "role", "cluster", "baseline", "baseline_version", "programme", "study"),
    follows=(),
    amounts=("n", "n_credit", "effort_ms", "credit_ms", *_PARTS),
)
LAYOUTS: Final = (DAILY, CLUSTERS)


Rows: TypeAlias = Sequence[tuple[str | int, ...]]
"""Rows of one run without unit and run, in the order of `Layout.columns`."""


def rows_of(layout: Layout, table: pa.Table) -> list[tuple[str | int, ...]]:
    """The rows of a table without unit and run, as they come."""
    return list(zip(*(table.column(name).to_pylist() for name in layout.columns), strict=True))


def digest(unit: Unit, run: int, daily: Rows, clusters: Rows) -> bytes:
    """SHA-256 of a run, as JSON without blanks: authority, day and run, then of each table its name and its rows, sorted."""
    tables = [[layout.table, sorted(rows)] for layout, rows in zip(LAYOUTS, (daily, clusters), strict=True)]
    text = json.dumps([unit.authority, unit.day.isoformat(), run, *tables], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()
