"""Publishes the figures that have changed: read the rollups as they were shown at one moment, compute, store what differs.

A figure is a pure function of the rollups that were shown, of the baselines known and of targets, so it can be had again. It is one
row, so it is shown whole or not at all; what is shown is compared with what was computed, never with what was done.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

import pyarrow as pa

from contracts.events import moment_at
from contracts.registry import Grade
from services.domain.effect.refusal import Refusal
from services.domain.figures.computing import Book, Key, Known, Marked
from services.domain.figures.content import content_of, empty, has_tasks
from services.domain.figures.shapes import TOTAL, Figure, Period, Scope
from services.domain.forecast.months import PROVISIONAL
from services.domain.forecast.run_rate import rate_window
from services.runtime.errors import Retry


@dataclass(frozen=True, slots=True)
class Standing:
    """A moment two seconds ago, by the database's clock: by now every head of it can be read. In numbers, what figures depend on
    then: how many heads, which, the newest baseline, the newest authority, targets."""

    at_ms: int
    state: tuple[int, ...]


class Store(Protocol):
    """What publishing figures needs of ClickHouse. Raises `Retry` or `Halt`."""

    def standing(self) -> Standing:
        """What figures depend on."""
        ...

    def clusters(self, at_ms: int) -> pa.Table:
        """Sums by cluster and month, as shown then."""
        ...

    def tallies(self, at_ms: int, young: date) -> pa.Table:
        """Tasks of each kind by month, as shown then."""
        ...

    def known(self) -> Known:
        """Sectors, baselines and the minimum grade, now."""
        ...

    def current(self) -> Mapping[tuple[Scope, Period], tuple[Any, ...]]:
        """What is shown."""
        ...

    def write(self, figures: Sequence[Figure], minimum: Grade, at_ms: int, generation: int) -> None:
        """Stores figures."""
        ...


@dataclass(slots=True)
class Figures:
    """One writer; any number may run, each stores what was so when it read. `shown`: the figures as they were shown after the
    last look, `at_ms` the moment that they are of."""

    store: Store
    shown: tuple[Figure, ...] = ()
    at_ms: int = 0
    _done: tuple[object, ...] | None = None
    _known: Known | None = None
    _computed: Mapping[Key, Marked] = field(default_factory=dict)

    def look(self) -> int:
        """Publishes what has changed; how many figures that was. Nothing is read where nothing can have changed. Raises `Retry` or
        `Halt`."""
        standing = self.store.standing()
        now = moment_at(standing.at_ms)
        young = (now - PROVISIONAL).date()
        if self._done == (standing.state, young):
            return 0
        known = self.store.known()
        figures = self._compute(standing.at_ms, young, known, now)
        changed = _changed(figures, self.store.current(), known.minimum)
        if changed:
            self.store.write(changed, known.minimum, standing.at_ms, max(standing.state[2:4]))
        self._done, self.at_ms = (standing.state, young), standing.at_ms
        self.shown = tuple(figures)
        return len(changed)

    def _compute(self, at_ms: int, young: date, known: Known, now: datetime) -> list[Figure]:
        """Every figure that is shown then. Raises `Retry` where sums and tallies are not of the same tasks: a head that was
        stamped before that moment was stored between the two."""
        if known != self._known:
            self._computed = {}
        try:
            book = Book(self.store.clusters(at_ms), self.store.tallies(at_ms, young), known)
            marked = list(_figures(book, now, self._computed))
        except ValueError as error:
            raise Retry("ClickHouse", f"the rollups that are shown contradict each other: {error}") from error
        self._known, self._computed = known, {(one.figure.scope, one.figure.period): one for one in marked}
        return [one.figure for one in marked]


def _changed(
    figures: Sequence[Figure], shown: Mapping[tuple[Scope, Period], tuple[Any, ...]], minimum: Grade
) -> list[Figure]:
    """What differs from what is shown, and empty figures of what has no tasks any more."""
    found = [one for one in figures if shown.get((one.scope, one.period)) != content_of(one, minimum)]
    keys = {(figure.scope, figure.period) for figure in figures}
    rates = {scope for scope, period in keys if period.kind == "rate"}
    gone = [
        empty(scope, period)
        for (scope, period), content in shown.items()
        if (scope, period) not in keys and not (period.kind == "rate" and scope in rates) and has_tasks(content)
    ]
    return [*found, *gone]


def _figures(book: Book, now: datetime, before: Mapping[Key, Marked]) -> Iterator[Marked]:
    """Every figure that is shown. Cumulative ones of the nation alone: its curve is the one that is drawn, and each is a pass over all rows."""
    window = rate_window(book.first_with_ai, now)
    rate = () if isinstance(window, Refusal) else (Period("rate", window.first, window.last + 1),)

    def months(scope: Scope) -> list[Period]:
        return [Period("month", month, month + 1) for month in book.months(scope)]

    nation = Scope("nation")
    until = [Period("until", 0, period.end) for period in months(nation)]
    yield from book.figures(nation, (TOTAL, *rate, *months(nation), *until), before)
    sectors = (Scope("sector", name) for name in book.sectors)
    authorities = (Scope("authority", name) for name in book.authorities)
    task_types = (Scope("task_type", name) for name in book.task_types)
    for scope in (*sectors, *authorities, *task_types):
        yield from book.figures(scope, (TOTAL, *rate, *months(scope)), before)
