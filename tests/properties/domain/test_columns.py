"""Columns give for every task what `match` and `measure` give."""

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import RegistryEvent, epoch_ms
from contracts.tasks import TaskState
from services.domain.columns import NO_BASELINE, STATUSES, MeasurementColumns, Snapshot, TaskColumns
from services.domain.match import Registry
from services.domain.measure import Measurement, measure
from tests.properties.domain.strategies import baseline, day, event, histories, task, tasks


def columns_of(batch: list[TaskState]) -> TaskColumns:
    scopes = [(t.authority, t.task_type, t.complexity) for t in batch]
    distinct = sorted(set(scopes))

    def integers(values: list[int]) -> npt.NDArray[np.int64]:
        return np.array(values, dtype=np.int64)

    def mask(values: list[bool]) -> npt.NDArray[np.bool_]:
        return np.array(values, dtype=np.bool_)

    return TaskColumns(
        scopes=distinct,
        scope_codes=integers([distinct.index(scope) for scope in scopes]),
        completed_ms=integers([epoch_ms(t.completed_at) for t in batch]),
        active_ms=integers([t.active_ms for t in batch]),
        review_ms=integers([t.review_ms or 0 for t in batch]),
        review_known=mask([t.review_ms is not None for t in batch]),
        rework_ms=integers([t.rework_ms or 0 for t in batch]),
        rework_known=mask([t.rework_ms is not None for t in batch]),
        elapsed=mask([t.time_basis == "elapsed" for t in batch]),
        assisted=mask([t.assistance != "none" for t in batch]),
        earns_credit=mask([t.outcome == "completed" and t.origin == "pre_existing" for t in batch]),
    )


def row(found: MeasurementColumns, at: int) -> Measurement:
    return Measurement(
        status=STATUSES[found.status[at]],
        counted_active_ms=int(found.counted_active_ms[at]),
        capped=bool(found.capped[at]),
        effort_ms=int(found.effort_ms[at]),
        credit_ms=int(found.credit_ms[at]) if found.has_credit[at] else None,
        saved_ms=int(found.saved_ms[at]) if found.has_saved[at] else None,
    )


@given(histories(), st.lists(tasks(), max_size=12))
def test_columns_equal_match_and_measure(events: list[RegistryEvent], batch: list[TaskState]) -> None:
    registry = Registry().apply(events)
    snapshot = Snapshot(registry)
    found = snapshot.measure(columns_of(batch))
    again = snapshot.measure(columns_of(batch))
    for at, one in enumerate(batch):
        expected = registry.match(one.authority, one.task_type, one.complexity, one.completed_at)
        index = int(found.baseline[at])
        assert (None if index == NO_BASELINE else snapshot.baselines[index]) == expected
        assert row(found, at) == measure(one, expected)
        assert row(again, at) == row(found, at)


@given(st.lists(tasks(), min_size=1, max_size=8), st.integers(0, 8))
def test_a_batch_may_be_cut_anywhere(batch: list[TaskState], at: int) -> None:
    snapshot = Snapshot(Registry().apply([event(baseline(1)), event(baseline(2, complexity="low", valid_from=day(6)))]))
    whole = snapshot.measure(columns_of(batch))
    parts = [part for part in (batch[:at], batch[at:]) if part]
    rows = [row(found, i) for part in parts for found in [snapshot.measure(columns_of(part))] for i in range(len(part))]
    assert rows == [row(whole, i) for i in range(len(batch))]


def test_an_empty_batch_and_an_empty_registry() -> None:
    snapshot = Snapshot(Registry())
    assert snapshot.generation == 0
    assert snapshot.measure(columns_of([])).baseline.shape == (0,)
    found = snapshot.measure(columns_of([task()]))
    assert row(found, 0).status == "unmeasured"


def test_many_versions_in_one_scope_are_prepared_in_time() -> None:
    """A product of versions and boundaries would take minutes here."""
    events = [event(baseline(number, valid_from=day(number % 11), valid_to=day(12))) for number in range(1, 3_001)]
    snapshot = Snapshot(Registry().apply(events))
    found = snapshot.match(columns_of([task(completed_at=day(5))]))
    newest = max(number for number in range(1, 3_001) if number % 11 <= 5)
    assert snapshot.baselines[int(found[0])].generation == newest
