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
        """Publishes what has changed; how many figures that was. Nothing is read where nothing can have changed."""
        standing = self.store.standing()
        now = moment_at(standing.at_ms)
        young = (now - PROVISIONAL).date()
        if self._done == (standing.state, young):
            return 0
        known = self.store.known()
        book = Book(self.store.clusters(standing.at_ms), self.store.tallies(standing.at_ms, young), known)
        shown = self.store.current()
        if known != self._known:
            self._computed = {}
        marked = list(_figures(book, now, self._computed))
        self._known, self._computed = known, {(one.figure.scope, one.figure.period): one for one in marked}
        figures = [one.figure for one in marked]
        changed = [
            figure
            for figure in figures
            if shown.get((figure.scope, figure.period)) != content_of(figure, known.minimum)
        ]
        keys = {(figure.scope, figure.period) for figure in figures}
        rates = {scope for scope, period in keys if period.kind == "rate"}
        changed += [
            empty(*key)
            for key, content in shown.items()
            if key not in keys and not (key[1].kind == "rate" and key[0] in rates) and has_tasks(content)
        ]
        if changed:
            self.store.write(changed, known.minimum, standing.at_ms, max(standing.state[2:4]))
        self._done, self.at_ms = (standing.state, young), standing.at_ms
        self.shown = tuple(figures)
        return len(changed)


def _figures(book: Book, now: datetime, before: Mapping[Key, Marked]) -> Iterator[Marked]:
    """Every figure that is shown. Cumulative ones of the nation and the sectors alone: their curve is the one that is drawn."""
    treated = book.months(treated=True)
    window = rate_window(treated[0] if treated else None, now)
    rate = () if isinstance(window, Refusal) else (Period("rate", window.first, window.last + 1),)
    months = [Period("month", month, month + 1) for month in book.months()]
    until = [Period("until", 0, month + 1) for month in book.months()]
    for scope in (Scope("nation"), *(Scope("sector", name) for name in book.sectors)):
        yield from book.figures(scope, (TOTAL, *rate, *months, *until), before)
    for authority in book.authorities:
        yield from book.figures(Scope("authority", authority), (TOTAL, *rate, *months), before)
    for task_type in book.task_types:
        yield from book.figures(Scope("task_type", task_type), (TOTAL, *rate, *months), before)
