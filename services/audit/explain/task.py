"""How a task's measurement came about: its events, the one in force, its baseline, what is stored. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.audit.explain.arithmetic import Figures


@dataclass(frozen=True, slots=True)
class TaskEvent:
    """An accepted event of a task, as it was received. `digest`, `leaf`: hexadecimal. `readable`: its payload is there."""

    coordinate: str
    broker_time: datetime
    event_type: str
    source: str
    event_id: str
    dataschema: str
    digest: str
    leaf: str
    rules: int
    revision: int
    retraction: bool
    rank: int
    readable: bool


@dataclass(frozen=True, slots=True)
class Baseline:
    """The baseline that measured it, with what it rests on and who answers for it."""

    baseline: str
    version: int
    generation: int
    published_at: datetime
    level: str
    task_type: str
    complexity: str
    valid_from: datetime
    valid_to: datetime
    mean_ms: int
    standard_error_ms: int
    cap_ms: int | None
    n: int
    clusters: int
    method: str
    grade: str
    evidence_source: str
    evidence_sha256: str
    proposed_by: str
    approved_by: str


@dataclass(frozen=True, slots=True)
class Restated:
    """A run that measured tasks anew under the generation that the task stands under."""

    started_at: datetime
    requested_by: str
    reason: str
    authority: str
    tasks: int
    changed: int


@dataclass(frozen=True, slots=True)
class Seal:
    """The first checkpoint that a record lies under: its last offset, its chain (hexadecimal), the records in it."""

    last_offset: int
    chain: str
    records: int


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored of the task now. `retracted`: a retraction is in force. `stale`: the registry has said something newer.
    `treated`: hours freed are of such tasks; control and comparison tasks are in none."""

    retracted: bool
    revision: int
    coordinate: str
    rules: int
    generation: int
    status: str
    effort_ms: int
    credit_ms: int | None
    saved_ms: int | None
    stale: bool
    treated: bool


@dataclass(frozen=True, slots=True)
class Share:
    """Milliseconds freed in its authority and in the nation, with all their treated tasks."""

    authority_ms: int
    nation_ms: int


@dataclass(frozen=True, slots=True)
class TaskExplained:
    """All of it. `figures`: every span of generations; `stored` none: nothing is stored of the task."""

    authority: str
    task: str
    events: tuple[TaskEvent, ...]
    figures: tuple[Figures, ...]
    stored: Stored | None
    baseline: Baseline | None
    restatements: tuple[Restated, ...]
    seal: Seal | None
    share: Share

    @property
    def winner(self) -> TaskEvent | None:
        """The event in force: the one of the highest rank among those that can be read."""
        return max((event for event in self.events if event.readable), key=lambda event: event.rank, default=None)

    @property
    def in_force(self) -> Figures | None:
        """The figures under the generation that the task stands under; the newest where nothing is stored."""
        generation = self.stored.generation if self.stored else max((f.since for f in self.figures), default=0)
        return next((figures for figures in self.figures if figures.covers(generation)), None)

    @property
    def unreadable(self) -> bool:
        """Whether the event that is stored as the one in force cannot be read any more."""
        return self.stored is not None and any(
            event.coordinate == self.stored.coordinate and not event.readable for event in self.events
        )

    @property
    def as_stored(self) -> bool:
        """Whether what comes out is what is stored."""
        stored, winner = self.stored, self.winner
        if stored is None or winner is None:
            return False
        if (stored.retracted, stored.coordinate) != (winner.retraction, winner.coordinate):
            return False
        if stored.retracted:
            return True
        kept = (stored.status, stored.effort_ms, stored.credit_ms, stored.saved_ms)
        found = self.in_force
        return found is not None and kept == (found.status, found.effort_ms, found.credit_ms, found.saved_ms)


def why_in_force(events: Sequence[TaskEvent]) -> str:
    """Why the one with the highest rank is in force among these."""
    if len(events) == 1:
        return "it is the only event of the task"
    first, second = sorted(events, key=lambda event: event.rank, reverse=True)[:2]
    if first.revision > second.revision:
        return f"revision {first.revision} is the highest of {len(events)} events"
    if first.retraction and not second.retraction:
        return f"at revision {first.revision} a retraction takes precedence over a state"
    return f"of the events of revision {first.revision} it has the lowest coordinate"
