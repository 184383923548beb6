"""Measuring: the definition holds what it promises, and the columns are the definition."""

# mypy: disable-error-code="call-arg, arg-type"
# (models are built without the fields that measuring does not read)

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.events import AuthorityRegistered, BaselinePublished, BaselineWithdrawn, RegistryEvent
from contracts.registry import Authority, Baseline, BaselineWithdrawal
from contracts.tasks import TaskState
from services.collector.tables import TASKS
from services.domain.columns import NO_BASELINE, STATUSES, Snapshot
from services.domain.match import Registry
from services.domain.measure import Measurement, measure
from services.domain.tables import task_columns

START = datetime(2026, 1, 1, tzinfo=UTC)
CVRS = ("10000009", "10000017", "10000025")
TYPES = ("local:a", "local:b")
COMPLEXITIES = ("low", "high")
STEP = timedelta(days=1)
_DAYS = st.integers(0, 20)
_MS = st.integers(0, 5_000)


@st.composite
def tasks(draw: st.DrawFn) -> TaskState:
    completed = START + draw(_DAYS) * STEP + timedelta(milliseconds=draw(st.integers(-1, 1)))
    return TaskState.model_construct(
        authority=draw(st.sampled_from(CVRS)),
        task="t",
        revision=1,
        task_type=draw(st.sampled_from(TYPES)),
        complexity=draw(st.sampled_from(COMPLEXITIES)),
        started_at=completed,
        completed_at=completed,
        active_ms=draw(_MS),
        review_ms=draw(st.none() | _MS),
        rework_ms=draw(st.none() | _MS),
        time_basis=draw(st.sampled_from(["measured", "elapsed"])),
        assistance=draw(st.sampled_from(["none", "draft"])),
        assignment="chosen",
        origin=draw(st.sampled_from(["pre_existing", "induced"])),
        outcome=draw(st.sampled_from(["completed", "abandoned"])),
        work="core",
        audience="citizen",
    )


@st.composite
def registries(draw: st.DrawFn) -> list[RegistryEvent]:
    """Authorities, overlapping baselines of every level, and withdrawals, numbered."""
    events: list[RegistryEvent] = []
    for cvr in draw(st.sets(st.sampled_from(CVRS))):
        authority = Authority.model_construct(
            authority=cvr,
            version=1,
            generation=len(events) + 1,
            name="x",
            sector=draw(st.sampled_from(["state", "region"])),
        )
        events.append(AuthorityRegistered.model_construct(type="r", data=authority))
    published: list[Baseline] = []
    for _ in range(draw(st.integers(0, 8))):
        level = draw(st.sampled_from(["authority", "sector", "nation"]))
        begin, length = draw(_DAYS), draw(st.integers(1, 12))
        baseline = Baseline.model_construct(
            baseline=f"b{len(events)}",
            version=1,
            generation=len(events) + 1,
            level=level,
            authority=draw(st.sampled_from(CVRS)) if level == "authority" else None,
            sector=draw(st.sampled_from(["state", "region"])) if level == "sector" else None,
            task_type=draw(st.sampled_from(TYPES)),
            complexity=draw(st.sampled_from([*COMPLEXITIES, "any"])),
            valid_from=START + begin * STEP,
            valid_to=START + (begin + length) * STEP,
            expires_at=START + draw(st.integers(begin, 40)) * STEP,
            mean_ms=draw(_MS),
            cap_ms=draw(st.none() | _MS),
            method="history",
        )
        published.append(baseline)
        events.append(BaselinePublished.model_construct(type="p", data=baseline))
    for gone in draw(st.lists(st.sampled_from(published), max_size=2)) if published else []:
        data: Any = BaselineWithdrawal.model_construct(baseline=gone.baseline, version=1, generation=len(events) + 1)
        events.append(BaselineWithdrawn.model_construct(type="w", data=data))
    return events


def _table(states: list[TaskState]) -> pa.Table:
    rows = [
        {
            **{name: getattr(state, name) for name in TASKS.names if name in TaskState.model_fields},
            "row": number,
            "started_ms": 0,
            "completed_ms": round(state.completed_at.timestamp() * 1000),
        }
        for number, state in enumerate(states)
    ]
    return pa.Table.from_pylist(rows, TASKS)


@given(registries(), st.lists(tasks(), min_size=1, max_size=12))
@settings(max_examples=300)
def test_columns_are_the_definition(events: list[RegistryEvent], states: list[TaskState]) -> None:
    registry = Registry().apply(events)
    snapshot = Snapshot(registry)
    found = snapshot.measure(task_columns(_table(states)))
    for row, state in enumerate(states):
        baseline = registry.match(state.authority, state.task_type, state.complexity, state.completed_at)
        index = int(found.baseline[row])
        assert (snapshot.baselines[index] if index != NO_BASELINE else None) == baseline
        assert measure(state, baseline) == Measurement(
            status=STATUSES[found.status[row]],
            counted_active_ms=int(found.counted_active_ms[row]),
            capped=bool(found.capped[row]),
            effort_ms=int(found.effort_ms[row]),
            credit_ms=int(found.credit_ms[row]) if found.has_credit[row] else None,
            saved_ms=int(found.saved_ms[row]) if found.has_saved[row] else None,
        )


@given(registries(), st.randoms())
def test_a_registry_is_the_same_in_any_order(events: list[RegistryEvent], random: Any) -> None:
    shuffled = [*events, *events]
    random.shuffle(shuffled)
    assert Registry().apply(shuffled).baselines() == Registry().apply(events).baselines()
    assert Registry().apply(shuffled).generation == Registry().apply(events).generation


@given(tasks(), registries())
def test_measure_keeps_its_promises(state: TaskState, events: list[RegistryEvent]) -> None:
    baselines = [event.data for event in events if isinstance(event, BaselinePublished)]
    for baseline in [*baselines, None]:
        found = measure(state, baseline)
        cap = baseline.cap_ms if baseline is not None else None
        assert found.counted_active_ms <= state.active_ms
        assert found.capped == (found.counted_active_ms < state.active_ms)
        if state.time_basis != "elapsed" or cap is None:
            assert not found.capped
        assert found.effort_ms == found.counted_active_ms + (state.review_ms or 0) + (state.rework_ms or 0)
        if state.outcome != "completed" or state.origin == "induced":
            assert found.credit_ms is None
            assert found.status != "unmeasured"
        if found.saved_ms is not None:
            assert found.saved_ms == (found.credit_ms or 0) - found.effort_ms
        assert (found.saved_ms is None) == (found.status != "measured")


def test_no_tasks_measure_to_nothing() -> None:
    assert len(Snapshot(Registry()).measure(task_columns(_table([]))).status) == 0
    assert np.array_equal(Snapshot(Registry()).match(task_columns(_table([]))), np.array([], dtype=np.int64))
