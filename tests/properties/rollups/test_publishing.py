"""Any history: tasks come, change, move to another day, are retracted and go stale; parts are merged; two writers look, sweep,
overtake each other and die between any two steps. What is shown is always what once was true of a unit, and in the end what is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.rollups.heads import newest
from services.domain.rollups.tables import CLUSTERS, DAILY, Unit
from services.progress.rollups.publishing import Rollups, Round
from tests.fakes.rollups import MemoryRollups, Task, task_of
from tests.reference import rollups as reference

DAYS = [date(2026, 1, day) for day in (1, 2)]
AUTHORITIES = ["10000009", "10000025"]
WRITERS = ("one", "other")
Step = Callable[["World"], None]


class Killed(BaseException):
    """The process is gone."""


@dataclass
class World:
    """The store, its writers, and what was true and what was shown so far. `meanwhile`: what happens before the calls to the
    store of who works, one step a call."""

    meanwhile: list[Step | None] = field(default_factory=list)
    store: MemoryRollups = field(default_factory=MemoryRollups)
    writers: dict[str, Rollups] = field(default_factory=dict)
    truths: dict[Unit, set[tuple[int, int]]] = field(default_factory=dict)
    seen: list[tuple[int, dict[Any, Any]]] = field(default_factory=list)
    working: list[str] = field(default_factory=list)
    rounds: list[Round] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store.before = self.interrupt
        for name in WRITERS:
            self.start(name)

    def start(self, name: str) -> None:
        self.writers[name] = Rollups(self.store, WRITERS.index(name), lambda: self.store.ms)

    def interrupt(self, _: str) -> None:
        self.note()
        if self.meanwhile:
            step = self.meanwhile.pop()
            if step is not None:
                step(self)
                self.note()

    def note(self) -> None:
        """Remembers what is true and what is shown; it must once have been true."""
        units = self.store.by_unit()
        for unit in {*units, *self.truths}:
            tasks = units.get(unit, [])
            truth = len(tasks), sum(task["mark"] for task in tasks) % 2**64
            self.truths.setdefault(unit, {(0, 0)}).add(truth)
        self.store.ms += 1
        self.seen.append((self.store.ms, self.store.shown(DAILY)))
        for unit, head in newest(self.store.heads).items():
            assert (head.n, head.run) in self.truths[unit]

    def work(self, name: str, how: str) -> None:
        """A writer works, unless it does already; or is killed, and started again."""
        if name in self.working:
            return
        self.working.append(name)
        try:
            self.rounds.append(getattr(self.writers[name], how)())
        except Killed:
            self.start(name)
        finally:
            self.working.remove(name)


def put(authority: str, task: str, content: Task | None) -> Step:
    return lambda world: world.store.put(authority, task, content)


def merge(first: int, count: int) -> Step:
    return lambda world: world.store.merge(first, count)


def work(name: str, how: str) -> Step:
    return lambda world: world.work(name, how)


def stale(authority: str, is_stale: bool) -> Step:
    def turn(world: World) -> None:
        (world.store.stale_authorities.add if is_stale else world.store.stale_authorities.discard)(authority)
        world.store.number += is_stale

    return turn


def kill(world: World) -> None:
    if world.working:
        raise Killed


contents = st.builds(
    task_of,
    st.sampled_from(DAYS),
    status=st.sampled_from(["measured", "measured", "unmeasured", "incomplete"]),
    arm=st.sampled_from(["", "control", "treatment"]),
    assistance=st.sampled_from(["none", "draft"]),
    outcome=st.sampled_from(["completed", "abandoned", "escalated"]),
    cluster=st.sampled_from(["", "c1", "c2"]),
    study=st.sampled_from(["", "s"]),
    baseline_version=st.integers(0, 2),
    capped=st.integers(0, 1),
    credit_ms=st.none() | st.integers(1, 9),
    effort_ms=st.integers(0, 9),
    rework_ms=st.none() | st.integers(0, 2),
    review_ms=st.none() | st.integers(0, 2),
    counted_active_ms=st.integers(0, 9),
)
changes = st.one_of(
    st.builds(put, st.sampled_from(AUTHORITIES), st.sampled_from(["t1", "t2", "t3"]), contents | st.none()),
    st.builds(merge, st.integers(0, 3), st.integers(2, 4)),
)
works = st.builds(work, st.sampled_from(WRITERS), st.sampled_from(["look", "look", "sweep"]))
steps = st.one_of(changes, changes, works, st.builds(stale, st.sampled_from(AUTHORITIES), st.booleans()), st.just(kill))


@given(st.lists(steps, max_size=20), st.lists(st.none() | steps, max_size=60))
@settings(max_examples=300, deadline=None)
def test_what_is_shown_was_true_and_becomes_so(history: list[Step], meanwhile: list[Step | None]) -> None:
    world = World(meanwhile)
    for step in history:
        step(world)
        world.note()
    world.meanwhile.clear()
    world.store.stale_authorities.clear()
    for name in WRITERS:
        world.work(name, "look")

    assert world.store.shown(DAILY) == reference.daily(world.store.now())
    assert world.store.shown(CLUSTERS) == reference.clusters(world.store.now())
    assert world.store.dirty(None) == {}
    assert all(writer.lag_seconds() == 0 for writer in world.writers.values())
    assert not any(done.missed for done in world.rounds)
    assert world.rounds[-1] == Round(0, 0, 0)
    for ms, shown in world.seen:
        assert world.store.shown(DAILY, ms) == shown
    digests = {head.head for head in world.store.heads}
    assert len(digests) == len(world.store.heads)
    assert {head.previous for head in world.store.heads} <= digests | {bytes(32)}


@pytest.mark.parametrize("how", ["look", "sweep"])
def test_rows_come_before_their_head_and_a_death_between_shows_nothing(how: str) -> None:
    effects: list[str] = []
    world = World()
    world.store.put(AUTHORITIES[0], "t1", task_of(DAYS[0]))

    def before(call: str) -> None:
        if call == "head" and "died" not in effects:
            effects.append("died")
            raise Killed
        if call in {"rows", "head"}:
            effects.append(call)

    world.store.before = before
    world.work("one", how)
    assert (world.store.heads, world.store.shown(DAILY), len(world.store.rows)) == ([], {}, 2)
    world.work("one", how)
    assert effects == ["rows", "rows", "died", "rows", "rows", "head"]
    assert world.store.shown(DAILY) == reference.daily(world.store.now())


def test_an_emptied_unit_is_published_as_empty() -> None:
    world = World()
    world.store.put(AUTHORITIES[0], "t1", task_of(DAYS[0]))
    world.work("one", "look")
    first = world.store.ms
    world.store.put(AUTHORITIES[0], "t1", None)
    world.work("one", "look")
    assert world.store.shown(DAILY) == {}
    assert [(head.n, head.run) for head in world.store.heads][-1] == (0, 0)
    assert len(world.store.shown(DAILY, first)) == 1


def test_two_writers_that_overtake_each_other_both_leave_their_head() -> None:
    """`one` has copied; a task comes, `other` publishes it; then `one` publishes what it copied, and it is shown until the next
    look."""
    world, shown = World(), []
    world.store.put(AUTHORITIES[0], "t1", task_of(DAYS[0]))

    def overtaken(call: str) -> None:
        if call == "head" and world.working == ["one"]:
            world.store.put(AUTHORITIES[0], "t2", task_of(DAYS[0]))
            world.work("other", "look")
            shown.append((world.store.ms, world.store.shown(DAILY)))

    world.store.before = overtaken
    world.work("one", "look")
    shown.append((world.store.ms, world.store.shown(DAILY)))
    world.store.before = lambda _: None
    world.work("one", "look")
    shown.append((world.store.ms, world.store.shown(DAILY)))
    assert [sum(row[1] for row in rows.values()) for _, rows in shown] == [2, 1, 2]
    assert [world.store.shown(DAILY, ms) for ms, _ in shown] == [rows for _, rows in shown]
    assert len(world.store.heads) == 3


def test_what_comes_while_it_looks_is_looked_at_next() -> None:
    world = World()
    world.store.put(AUTHORITIES[0], "t1", task_of(DAYS[0]))
    world.work("one", "look")
    for at in ("dirty", "copy", "head"):
        coming = [put(AUTHORITIES[0], at, task_of(DAYS[1]))]

        def come(call: str, at: str = at, coming: list[Step] = coming) -> None:
            if call == at and coming:
                coming.pop()(world)

        world.store.put(AUTHORITIES[0], "t1", task_of(DAYS[0]))
        world.store.before = come
        world.work("one", "look")
        world.work("one", "look")
        assert world.store.shown(DAILY) == reference.daily(world.store.now())


def test_a_clock_that_was_set_back_hides_no_publication() -> None:
    world = World()
    for number in (1, 2):
        world.store.put(AUTHORITIES[0], f"t{number}", task_of(DAYS[0]))
        world.work("one", "look")
        world.store.ms -= 500
    assert [head.n for head in newest(world.store.heads).values()] == [2]
    assert world.store.dirty(None) == {}


def test_nothing_is_published_while_its_authority_is_stale_or_the_registry_moves() -> None:
    world = World()
    for number, authority in enumerate(AUTHORITIES):
        world.store.put(authority, f"t{number}", task_of(DAYS[0]))
    world.store.stale_authorities.add(AUTHORITIES[0])
    world.work("one", "look")
    assert world.rounds[-1] == Round(published=1, held=1, missed=0)
    assert {head.unit.authority for head in world.store.heads} == {AUTHORITIES[1]}
    world.store.ms += 5_000
    assert world.writers["one"].lag_seconds() >= 5
    # Without a new row the hint does not lead there; what was held back is looked at all the same.
    world.store.stale_authorities.clear()
    calls: list[str] = []

    def published_meanwhile(call: str) -> None:
        calls.append(call)
        world.store.number += call == "copy"

    world.store.before = published_meanwhile
    world.work("one", "look")
    assert world.rounds[-1] == Round(published=0, held=1, missed=0)

    def written_late_under_an_older_number(call: str) -> None:
        if call == "copy":
            world.store.stale_authorities.add(AUTHORITIES[0])

    world.store.before = written_late_under_an_older_number
    world.work("one", "look")
    assert world.rounds[-1] == Round(published=0, held=1, missed=0)
    world.store.stale_authorities.clear()
    world.store.before = lambda _: None
    world.work("one", "look")
    assert world.rounds[-1] == Round(published=1, held=0, missed=0)
    assert world.writers["one"].lag_seconds() == 0


def test_what_the_hint_did_not_lead_to_is_found_and_counted() -> None:
    world = World()
    for authority in AUTHORITIES:
        world.store.put(authority, "t1", task_of(DAYS[0]))
    world.work("one", "look")
    del world.store.tasks[AUTHORITIES[0], "t1"]  # behind the system's back
    world.store.put(AUTHORITIES[1], "t2", task_of(DAYS[1]))
    world.work("one", "look")
    assert world.rounds[-1] == Round(1, 0, 0)
    world.store.put(AUTHORITIES[1], "t3", task_of(DAYS[1]))
    world.work("one", "sweep")
    assert world.rounds[-1] == Round(published=2, held=0, missed=1)
    assert world.store.shown(DAILY) == reference.daily(world.store.now())
