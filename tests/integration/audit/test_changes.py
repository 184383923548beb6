"""Why a total changed between two instants: each cause to the millisecond and the task, as the reference model has it."""

import random
from collections import Counter
from collections.abc import Callable

import pytest

from contracts.events import REOPENED
from services.audit.as_of.clickhouse import InstantStore
from services.audit.as_of.totals import changes, snapshot
from services.domain.causes import NOTHING, Cause, Figures, Pair, added_up
from tests.integration.audit.recomputing import AUTHORITIES, History, moment
from tests.integration.delivering import SENT_MS, Database
from tests.reference.model import Fold, State, fold


def figures(state: State | None) -> Figures:
    if state is None:
        return NOTHING
    counts = state.figures.status == "measured" and state.traits.role == "treated"
    return Figures(counts, counts * (state.figures.saved_ms or 0), state.rework_ms or 0)


def model_pairs(history: History, first: int, second: int) -> list[Pair]:
    """Every task that is known at the second instant, as the model has it at both."""
    before, after = history.snapshot(first), history.snapshot(second)
    generation = history.registry(first).generation
    known = {record[:4]: generation for record in history.log if SENT_MS + record.offset <= second}
    between = fold(history.records, history.registry(second), known)
    reopenings = {r[:4] for r in history.log if REOPENED.encode() in (r.value or b"")}
    return [pair(task, before, between, after, reopenings) for task in set(history.records.task_names)]


def pair(
    task: tuple[str, str], before: Fold, between: Fold, after: Fold, reopenings: set[tuple[int, str, int, int]]
) -> Pair:
    was, now = before.winner(*task), after.winner(*task)
    states = [found.state(*task) for found in (before, between, after)]
    against = [state.figures.baseline.generation if state and state.figures.baseline else 0 for state in states]
    exchanged = was is not None and was != now
    return Pair(
        known=was is not None,
        exchanged=exchanged,
        retracted=now is not None and now[1] == 2,
        reopened=now is not None and tuple(now[2]) in reopenings,
        reworked=exchanged and figures(states[0]).rework_ms != figures(states[2]).rework_ms,
        restated=against[1] != against[2],
        before=figures(states[0]),
        between=figures(states[1]),
        after=figures(states[2]),
        tasks=int(now is not None),
    )


@pytest.mark.timeout(300)
def test_every_cause_is_the_models(new_database: Callable[[], Database]) -> None:
    history, database, chance = History(61), new_database(), random.Random(61)
    history.stored_in(database)
    store = InstantStore(database.client)
    seen: Counter[Cause] = Counter()
    for number in range(6):
        span = sorted(chance.randrange(SENT_MS, history.last_ms) for _ in range(2))
        first, second = span if number else (history.last_ms, history.last_ms)
        authorities = AUTHORITIES[:1] if number == 1 else ()
        snapshots = [snapshot(store, moment(at), None, authorities) for at in (first, second)]
        found = changes(store, snapshots[0], snapshots[1], authorities)
        assert sum(effect.saved_ms for effect in found.causes.values()) == found.difference_ms
        if not authorities:
            assert found.causes == added_up(model_pairs(history, first, second)), (first, second)
        seen.update(cause for cause, effect in found.causes.items() if effect.tasks and effect.saved_ms)
    assert set(seen) == set(Cause), "every cause occurred"
