"""Totals as recorded at an instant, and what changed them between two. Pure but for its store.

As recorded at T is the fold of the records that the broker had by T, measured with what the registry had said by T. For T
near now it is not known yet what the broker and the registry will have had by then: so near it is refused.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from services.audit.chunks import Chunk, chunks
from services.domain.causes import Cause, Effect, Pair, added_up
from services.runtime.errors import Halt, Misconfigured

_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)


class By(StrEnum):
    """What totals are split by."""

    AUTHORITY = "authority"
    DAY = "day"
    TASK_TYPE = "task-type"


COLUMNS: Final[Mapping[By | None, tuple[str, ...]]] = {
    None: (),
    By.AUTHORITY: ("authority",),
    By.DAY: ("day",),
    By.TASK_TYPE: ("task_type", "complexity"),
}
"""The columns of a key."""


@dataclass(frozen=True, slots=True)
class Total:
    """Counts of tasks by status, those capped, and sums over the measured ones in milliseconds. Of these `treated` were done
    with AI, as drawn or without a draw: what they saved is the hours freed, and gross is their credit − active."""

    tasks: int = 0
    measured: int = 0
    unmeasured: int = 0
    incomplete: int = 0
    capped: int = 0
    effort_ms: int = 0
    credit_ms: int = 0
    saved_ms: int = 0
    treated: int = 0
    freed_ms: int = 0
    gross_ms: int = 0

    def plus(self, other: "Total") -> "Total":
        """The sum of both."""
        return Total(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Totals as recorded at `at`, by key (one empty key where they are not split), under the generation known then.
    `unreadable`: tasks with an event that was erased, or whose payload is gone; their other events alone are counted."""

    at: datetime
    generation: int
    totals: Mapping[tuple[str, ...], Total]
    unreadable: int

    @property
    def total(self) -> Total:
        """Over all keys."""
        result = Total()
        for one in self.totals.values():
            result = result.plus(one)
        return result


@dataclass(frozen=True, slots=True)
class Changes:
    """Two snapshots and what lies between them, by cause; the causes add up to the difference."""

    first: Snapshot
    second: Snapshot
    causes: Mapping[Cause, Effect]

    @property
    def difference_ms(self) -> int:
        """Milliseconds freed more at the second."""
        return self.second.total.freed_ms - self.first.total.freed_ms


class Store(Protocol):
    """What this needs of ClickHouse, of some authorities or (none given) of all. Raises `Retry` or `Halt`."""

    def events(self, authorities: Collection[str]) -> dict[str, int]:
        """By authority, about how many events it has."""
        ...

    def known_generation(self, at: datetime) -> int:
        """The newest generation of which all numbers up to it were published at `at`."""
        ...

    def totals(self, at: datetime, by: By | None, chunk: Chunk) -> dict[tuple[str, ...], Total]:
        """The totals of a chunk as recorded at `at`."""
        ...

    def unreadable(self, at: datetime, authorities: Collection[str]) -> int:
        """How many tasks had an event at `at` that cannot be read."""
        ...

    def pairs(self, first: tuple[datetime, int], second: tuple[datetime, int], chunk: Chunk) -> list[Pair]:
        """The tasks of a chunk at two (instant, generation known then), alike ones added up."""
        ...


def settled(at: datetime, now: datetime, tolerance_seconds: float) -> datetime:
    """The instant, to the millisecond, where it may be asked for. Raises `Misconfigured`."""
    if at < _EARLIEST:
        raise Misconfigured(at.isoformat(), "before the year 2000, from when on there can be records")
    if at > now - timedelta(seconds=tolerance_seconds):
        raise Misconfigured(
            at.isoformat(),
            f"within the clock tolerance of now ({tolerance_seconds:g} s, FRIGJORT_AUDIT_CLOCK_TOLERANCE_SECONDS) or after "
            "it: what was recorded by then is not known for certain yet; ask for an earlier instant, or later",
        )
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def snapshot(
    store: Store,
    at: datetime,
    by: By | None = None,
    authorities: Collection[str] = (),
    watch: Callable[[int, int], None] = lambda _done, _all: None,
) -> Snapshot:
    """The totals as recorded at `at`; `watch` hears how many events of how many are done. Raises `Retry` or `Halt`."""
    generation = store.known_generation(at)
    events = store.events(authorities)
    found: dict[tuple[str, ...], Total] = {}
    done = 0
    for chunk in chunks(events):
        for key, total in store.totals(at, by, chunk).items():
            found[key] = found.get(key, Total()).plus(total)
        done += chunk.events
        watch(done, sum(events.values()))
    if by is None:
        found.setdefault((), Total())
    return Snapshot(at, generation, dict(sorted(found.items())), store.unreadable(at, authorities))


def changes(
    store: Store,
    first: Snapshot,
    second: Snapshot,
    authorities: Collection[str] = (),
    watch: Callable[[int, int], None] = lambda _done, _all: None,
) -> Changes:
    """Why the second total is another than the first. Raises `Retry`, or `Halt` where the causes do not add up to the
    difference of the totals, which are computed apart."""
    events = store.events(authorities)
    pairs: list[Pair] = []
    done = 0
    for chunk in chunks(events):
        pairs += store.pairs((first.at, first.generation), (second.at, second.generation), chunk)
        done += chunk.events
        watch(done, sum(events.values()))
    found = Changes(first, second, added_up(pairs))
    if sum(effect.saved_ms for effect in found.causes.values()) != found.difference_ms:
        raise Halt(
            "the difference",
            f"the causes do not add up to {found.difference_ms} ms",
            "records from before these instants were stored meanwhile (a redrive, a lagging collector): run it again",
        )
    return found
