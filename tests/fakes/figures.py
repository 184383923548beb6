"""What a writer of figures needs, in memory: tasks as rows of sums and tallies, figures by their time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pyarrow as pa

from contracts.registry import Grade
from services.domain.effect.baseline_errors import BaselineError
from services.domain.figures.computing import Known
from services.domain.figures.content import content_of
from services.domain.figures.shapes import Figure, Period, Scope
from services.progress.figures.publishing import Standing

MINUTE = 60_000


def cluster(authority: str, month: int, unit: int, saved: int) -> dict[str, Any]:
    """One treated task with a baseline of 20 minutes."""
    effort = (20 - saved) * MINUTE
    return {
        "authority": authority,
        "month": month,
        "task_type": "kle:1",
        "complexity": "low",
        "role": "treated",
        "unit": unit,
        "baseline_name": "b/1",
        "n": 1,
        "n_credit": 1,
        "effort": effort,
        "credit": 20 * MINUTE,
        "active": effort,
        "review": 0,
        "rework": 0,
        "abandoned": 0,
        "escalated": 0,
        "induced": 0,
        "mark": hash((authority, month, unit, saved)),
    }


def tally(authority: str, month: int, n: int, **others: Any) -> dict[str, Any]:
    """Treated tasks, unless told otherwise."""
    row = {
        "authority": authority,
        "month": month,
        "task_type": "kle:1",
        "complexity": "low",
        "role": "treated",
        "status": "measured",
        "assignment": "eligible",
        "time_basis": "measured",
        "baseline_name": "b/1",
        "n": n,
        "n_credit": n,
        "young": 0,
        **others,
    }
    return {**row, "mark": hash(tuple(row.items()))}


@dataclass
class MemoryFigures:
    """A `Store`. `written` has every figure that was stored, oldest first."""

    rows: list[dict[str, Any]]
    tallied: list[dict[str, Any]]
    at_ms: int = 1_780_000_000_000
    state: tuple[int, ...] = (1, 1, 7, 3, 6)
    minimum: Grade = "C"
    written: list[Figure] = field(default_factory=list)
    contents: list[tuple[Any, ...]] = field(default_factory=list)
    reads: int = 0

    def standing(self) -> Standing:
        return Standing(self.at_ms, self.state)

    def clusters(self, _: int) -> pa.Table:
        self.reads += 1
        return pa.Table.from_pylist(self.rows)

    def tallies(self, _: int, __: date) -> pa.Table:
        return pa.Table.from_pylist(self.tallied)

    def known(self) -> Known:
        return Known({"A": "municipality"}, [BaselineError("b/1", "s", MINUTE)], {"b/1": "history"}, self.minimum)

    def current(self) -> Mapping[tuple[Scope, Period], tuple[Any, ...]]:
        newest = {
            (figure.scope, "rate" if figure.period.kind == "rate" else figure.period): (figure, content)
            for figure, content in zip(self.written, self.contents, strict=True)
        }
        return {(one.scope, one.period): content for one, content in newest.values()}

    def write(self, figures: Sequence[Figure], minimum: Grade, at_ms: int, generation: int) -> None:
        assert (minimum, at_ms, generation) == (self.minimum, self.at_ms, max(self.state[2:4]))
        self.written += figures
        self.contents += [content_of(figure, minimum) for figure in figures]
