"""Of one scope one version is in force: what is in the way is named, or its place is taken in the proposal's interval alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.baselines.book import State
from services.baselines.proposals import Draft
from services.baselines.registry import Registry
from services.domain.match import scope_of
from tests.unit.baselines.drafts import NOW, SECOND, approved, content, publish, refused, states
from tests.unit.baselines.worlds import MemoryStore

SAME = {"task_type": "local:same"}
JULY = "2026-07-01T00:00:00Z"


@pytest.mark.parametrize(
    ("fields", "overlaps"),
    [
        ({}, True),
        ({"valid_from": JULY}, True),
        ({"valid_from": "2027-12-31T23:59:59.999Z"}, True),
        ({"valid_from": "2028-01-01T00:00:00Z"}, False),
        ({"valid_from": "2025-01-01T00:00:00Z", "valid_to": "2026-01-01T00:00:00.001Z"}, True),
        ({"valid_from": "2025-01-01T00:00:00Z", "valid_to": "2026-01-01T00:00:00Z"}, False),
        ({"valid_from": "2024-06-01T00:00:00Z", "expires_at": "2026-01-01T00:00:00Z"}, False),
        ({"complexity": "low"}, False),
        ({"task_type": "local:other"}, False),
        ({"level": "sector", "sector": "state"}, False),
        ({"level": "authority", "authority": "10000009"}, False),
    ],
)
def test_versions_of_one_scope_may_not_overlap_whatever_their_series(
    registry: Registry, store: MemoryStore, fields: dict[str, Any], overlaps: bool
) -> None:
    publish(registry, content("a", **SAME))
    begin = datetime.fromisoformat(fields.get("valid_from", "2026-01-01T00:00:00Z"))
    fitting = {"valid_to": begin + timedelta(days=700), "expires_at": begin + timedelta(days=700)}
    other = content("b", **{**SAME, **fitting, **fields})
    if overlaps:
        error = refused(
            store, lambda: registry.propose([Draft(other, retrospective=True)], NOW), "overlaps that of a/1"
        )
        assert "2028-01-01" in error.remedy
        assert "--takes-over" in error.remedy
    else:
        registry.propose([Draft(other, retrospective=True)], NOW)


def test_a_withdrawn_version_is_in_nobodys_way(registry: Registry) -> None:
    publish(registry, content("a", **SAME))
    registry.withdraw("a", 1, "wrong", SECOND, NOW)
    assert publish(registry, content("b", **SAME)).new == ("b/1",)


def test_what_came_into_the_way_after_the_proposal_is_seen_at_its_publication(
    registry: Registry, store: MemoryStore
) -> None:
    first, second = approved(registry, content("a", **SAME)), approved(registry, content("b", **SAME))
    registry.publish(first, NOW)
    refused(store, lambda: registry.publish(second, NOW), "overlaps that of a/1")


def test_two_that_overlap_are_not_published_together(registry: Registry, store: MemoryStore) -> None:
    both = [*approved(registry, content("a", **SAME)), *approved(registry, content("b", **SAME))]
    refused(store, lambda: registry.publish(both, NOW), "overlaps that of a/1")


def test_what_takes_over_ends_the_other_in_its_interval_alone(registry: Registry) -> None:
    publish(registry, content("a", **SAME, mean_ms=1))
    between = content("b", **SAME, mean_ms=2, valid_from=JULY, valid_to="2026-08-01T00:00:00Z", proposed_by="third")
    done = publish(registry, between, takes_over=True)
    assert (done.new, len(done.said)) == (("b/1",), 4)
    found = {one.subject: one for one in registry.book().versions.values()}
    assert list(found) == ["a/1", "a/2", "a/3", "b/1"]
    withdrawn = found["a/1"].withdrawn
    assert withdrawn is not None
    assert (withdrawn.data.reason, withdrawn.data.withdrawn_by) == ("replaced", SECOND)
    rests = [(one.begin, one.end, one.baseline.mean_ms) for one in found.values() if one.withdrawn is None]
    july, august = datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 8, 1, tzinfo=UTC)
    assert rests == [(NOW, july, 1), (august, datetime(2028, 1, 1, tzinfo=UTC), 1), (july, august, 2)]
    assert found["a/2"].baseline.proposed_by == "third"  # who shortened it, not who once proposed it
    assert {scope_of(one.baseline) for one in found.values()} == {("nation", "", "local:same", "any")}


def test_a_takeover_within_a_series_comes_after_the_rests(registry: Registry) -> None:
    publish(registry, content("a", mean_ms=1))
    next_one = content(
        "a", mean_ms=2, valid_from=JULY, valid_to="2028-07-01T00:00:00Z", expires_at="2028-06-01T00:00:00Z"
    )
    proposal = approved(registry, next_one, takes_over=True)
    assert registry.book().filed[proposal[0]].proposal.subject == "a/3"
    registry.publish(proposal, NOW)
    assert [(one.subject, one.baseline.mean_ms) for one in registry.book().versions.values()] == [
        ("a/1", 1),
        ("a/2", 1),
        ("a/3", 2),
    ]


def test_a_takeover_of_what_was_withdrawn_since_is_refused(registry: Registry, store: MemoryStore) -> None:
    publish(registry, content("a", **SAME))
    proposal = approved(registry, content("b", **SAME), takes_over=True)
    registry.withdraw("a", 1, "wrong", SECOND, NOW)
    refused(store, lambda: registry.publish(proposal, NOW), "a/1, whose place it would take, is not in force any more")
    assert list(states(registry).values())[-1] == State.OUTDATED
