"""Which scopes are without a baseline, or soon will be."""

from datetime import UTC, datetime, timedelta

import pytest

from services.baselines.expiry import endings
from services.baselines.proposals import Draft, Proposal
from services.baselines.registry import Registry
from tests.unit.baselines.drafts import NOW, SECOND, content, publish
from tests.unit.baselines.worlds import MemoryLog, MemoryStore

END = datetime(2028, 1, 1, tzinfo=UTC)
MS = timedelta(milliseconds=1)
NEXT = {"valid_from": END, "valid_to": END + timedelta(days=366), "expires_at": END + timedelta(days=366)}


@pytest.fixture
def registry() -> Registry:
    registry = Registry(MemoryStore(), MemoryLog())
    publish(registry, content("a"))
    return registry


def found(registry: Registry, now: datetime, days: int = 0) -> list[tuple[str, bool]]:
    return [(one.version.subject, one.ended) for one in endings(registry.book(), now, now + timedelta(days=days))]


def test_it_has_ended_at_its_end_and_not_before(registry: Registry) -> None:
    assert found(registry, END - MS) == []
    assert found(registry, END - timedelta(days=90) - MS, days=90) == []
    assert found(registry, END - timedelta(days=90), days=90) == [("a/1", False)]
    assert found(registry, END) == [("a/1", True)]


def test_what_follows_without_a_gap_carries_on(registry: Registry) -> None:
    publish(registry, content("b", **NEXT, task_type="local:a"))
    assert found(registry, END - MS, days=90) == []
    assert found(registry, END) == []
    assert found(registry, END, days=366) == [("b/1", False)]


def test_what_follows_after_a_gap_does_not(registry: Registry) -> None:
    publish(registry, content("b", **{**NEXT, "valid_from": END + MS}, task_type="local:a"))
    assert found(registry, END - MS, days=90) == [("a/1", False)]
    assert found(registry, END) == [("a/1", True)]
    assert found(registry, END + MS) == []


def test_another_scope_carries_nothing_on(registry: Registry) -> None:
    publish(registry, content("b", **NEXT, task_type="local:a", complexity="low"))
    assert found(registry, END) == [("a/1", True)]


def test_what_was_withdrawn_or_has_not_begun_does_not_end(registry: Registry) -> None:
    publish(registry, content("b", **NEXT))
    assert found(registry, NOW - timedelta(days=1), days=4_000) == []
    registry.withdraw("a", 1, "wrong", SECOND, NOW)
    assert found(registry, NOW, days=900) == []


def test_what_was_for_the_past_does_not_end(registry: Registry) -> None:
    past = content("b", valid_from="2025-01-01T00:00:00Z", expires_at=NOW - MS)
    (one,) = registry.propose([Draft(past, retrospective=True)], NOW)
    assert isinstance(one, Proposal)
    registry.approve([one.id], SECOND, NOW)
    registry.publish([one.id], NOW)
    assert found(registry, NOW, days=90) == []
