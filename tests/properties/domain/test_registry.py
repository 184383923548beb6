"""A registry is the same whatever the order in which it was heard, and a measurement keeps its own arithmetic."""

from datetime import datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from contracts.events import RegistryEvent
from contracts.tasks import TaskState
from services.domain.match import Registry, TwoContentsForOneGenerationError
from services.domain.measure import measure
from tests.properties.domain.strategies import (
    AUTHORITIES,
    CAP_MS,
    COMPLEXITIES,
    MOMENTS,
    TASK_TYPES,
    baseline,
    event,
    histories,
    tasks,
)


@given(histories(), st.data())
def test_the_order_of_hearing_is_nothing(events: list[RegistryEvent], data: st.DataObject) -> None:
    heard = data.draw(st.permutations([*events, *data.draw(st.lists(st.sampled_from(events), max_size=4))]))
    cut = data.draw(st.integers(0, len(heard)))
    whole, other = Registry().apply(events), Registry().apply(heard[:cut]).apply(heard[cut:])
    assert other == whole
    assert other.generation == whole.generation == len(events)
    assert other.baselines() == whole.baselines()
    assert other.authorities() == whole.authorities()
    for authority in AUTHORITIES:
        place = (authority, data.draw(st.sampled_from(TASK_TYPES)), data.draw(st.sampled_from(COMPLEXITIES)))
        moment = data.draw(MOMENTS)
        assert other.match(*place, moment) == whole.match(*place, moment)


@given(histories(), st.data())
def test_a_generation_stands_for_all_numbers_up_to_it(events: list[RegistryEvent], data: st.DataObject) -> None:
    """Else a figure under a generation would be another one before and after a late event came."""
    missing = data.draw(st.sampled_from(events))
    before = [event for event in events if event.data.generation < missing.data.generation]
    gap = Registry().apply(event for event in events if event is not missing)
    assert gap.generation == missing.data.generation - 1
    assert gap.baselines() == Registry().apply(before).baselines()
    assert gap.authorities() == Registry().apply(before).authorities()
    assert gap.heard.keys() == {event.data.generation for event in events} - {missing.data.generation}
    assert gap.apply([missing]) == Registry().apply(events)


@given(histories(), st.sampled_from(AUTHORITIES), st.sampled_from(COMPLEXITIES), MOMENTS)
def test_what_is_matched_may_be_matched(
    events: list[RegistryEvent], authority: str, complexity: str, moment: datetime
) -> None:
    registry = Registry().apply(events)
    found = registry.match(authority, TASK_TYPES[0], complexity, moment)
    fitting = [
        b
        for b in registry.baselines()
        if b.task_type == TASK_TYPES[0]
        and b.complexity in {complexity, "any"}
        and b.valid_from <= moment < min(b.valid_to, b.expires_at)
        and (b.level != "authority" or b.authority == authority)
        and (b.level != "sector" or ((known := registry.authorities().get(authority)) and b.sector == known.sector))
    ]
    order = ["authority", "sector", "nation"]
    ranked = sorted(fitting, key=lambda b: (order.index(b.level), b.complexity == "any", -b.generation))
    assert found == (ranked[0] if ranked else None)


@given(histories(), st.data())
def test_two_contents_for_one_generation_are_refused_in_any_order(
    events: list[RegistryEvent], data: st.DataObject
) -> None:
    number = data.draw(st.integers(1, len(events)))
    other = event(baseline(number, mean_ms=123_456_789))
    heard = data.draw(st.permutations([*events, other]))
    with pytest.raises(TwoContentsForOneGenerationError) as caught:
        Registry().apply(heard)
    assert caught.value.generation == number


@given(tasks(), st.none() | st.sampled_from([None, CAP_MS]))
def test_a_measurement_keeps_its_arithmetic(task: TaskState, cap: int | None) -> None:
    used = baseline(7, cap_ms=cap)
    found = measure(task, used)
    known = (task.review_ms or 0) + (task.rework_ms or 0)
    assert found.effort_ms == found.counted_active_ms + known
    assert found.counted_active_ms <= task.active_ms
    assert found.capped == (found.counted_active_ms < task.active_ms)
    assert not found.capped or (task.time_basis == "elapsed" and found.counted_active_ms == cap)
    assert (found.saved_ms is not None) == (found.status == "measured")
    if found.saved_ms is not None:
        assert found.saved_ms == (found.credit_ms or 0) - found.effort_ms
    assert (found.credit_ms is not None) == (task.outcome == "completed" and task.origin == "pre_existing")


@given(tasks())
def test_without_a_baseline_nothing_is_credited_and_nothing_is_capped(task: TaskState) -> None:
    found = measure(task, None)
    assert (found.credit_ms, found.counted_active_ms, found.capped) == (None, task.active_ms, False)
    entitled = task.outcome == "completed" and task.origin == "pre_existing"
    assert (found.status == "unmeasured") == entitled


@given(tasks(), st.integers(1, 10**6))
def test_more_effort_never_frees_more(task: TaskState, more: int) -> None:
    assume(task.review_ms is not None)
    longer = task.model_copy(update={"review_ms": (task.review_ms or 0) + more})
    before, after = measure(task, baseline(7)), measure(longer, baseline(7))
    if before.saved_ms is not None and after.saved_ms is not None:
        assert after.saved_ms == before.saved_ms - more
