"""Misuse of the workflow: each is refused with its cause and a remedy, and nothing is done."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.events import BaselinePublished
from services.baselines.book import Approval, State, Version
from services.baselines.proposals import Draft, Proposal
from services.baselines.registry import Registry
from services.baselines.workflow import state
from services.domain.match import scope_of
from services.runtime.errors import Halt, Misconfigured, Refused
from tests.properties.domain.strategies import baseline, event
from tests.properties.restating import payload_of
from tests.unit.baselines.drafts import FIRST, NOW, SECOND, approved, content, publish
from tests.unit.baselines.worlds import MemoryLog, MemoryStore

SAME = {"task_type": "local:same"}
JULY = "2026-07-01T00:00:00Z"


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def registry(store: MemoryStore) -> Registry:
    return Registry(store, MemoryLog())


def proposed(registry: Registry, draft: Draft) -> Proposal:
    (found,) = registry.propose([draft], NOW)
    assert isinstance(found, Proposal)
    return found


def refused(store: MemoryStore, what: Any, match: str) -> Refused:
    """The error, after which nothing is different."""
    before = (store.payloads(), dict(store.filed), dict(store.given))
    with pytest.raises(Refused, match=match) as caught:
        what()
    assert (store.payloads(), store.filed, store.given, store.open_claims()) == (*before, {})
    assert caught.value.remedy
    return caught.value


def states(registry: Registry, now: datetime = NOW) -> dict[str, State]:
    """By what each proposal would become or became."""
    book = registry.book()
    return {f"{one.proposal.subject} {one.proposal.id}": state(book, one, now) for one in book.filed.values()}


# --- who


def test_who_proposed_may_not_approve(registry: Registry, store: MemoryStore) -> None:
    proposal = proposed(registry, Draft(content("a")))
    refused(store, lambda: registry.approve([proposal.id], FIRST, NOW), f"{FIRST} proposed it")


def test_an_approval_of_ones_own_that_was_written_behind_the_registry_does_not_count(
    registry: Registry, store: MemoryStore
) -> None:
    proposal = proposed(registry, Draft(content("a")))
    store.insert_approvals([(proposal.id, FIRST, NOW)])
    refused(store, lambda: registry.publish([proposal.id], NOW), "nobody but its proposer")
    assert list(states(registry).values()) == [State.PROPOSED]


def test_the_first_of_several_who_approved_stands_in_the_baseline(registry: Registry) -> None:
    proposal = proposed(registry, Draft(content("a")))
    registry.approve([proposal.id], "third", NOW + timedelta(hours=1))
    registry.approve([proposal.id], SECOND, NOW)
    assert registry.book().filed[proposal.id].approvals == (
        Approval(NOW, SECOND),
        Approval(NOW + timedelta(hours=1), "third"),
    )
    registry.publish([proposal.id], NOW)
    (version,) = registry.book().versions.values()
    assert (version.baseline.proposed_by, version.baseline.approved_by) == (FIRST, SECOND)


def test_what_nobody_approved_is_not_published(registry: Registry, store: MemoryStore) -> None:
    proposal = proposed(registry, Draft(content("a")))
    error = refused(store, lambda: registry.publish([proposal.id], NOW), "nobody but its proposer has approved it")
    assert f"approve {proposal.id[:12]}" in error.remedy


# --- overlap


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
    assert (done.new, len(done.events)) == (("b/1",), 4)
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


# --- edit after use


def test_another_content_under_a_published_version_is_refused(registry: Registry, store: MemoryStore) -> None:
    one, other = approved(registry, content("a")), approved(registry, content("a", mean_ms=1_001))
    registry.publish(one, NOW)
    before = store.payloads()
    error = refused(store, lambda: registry.publish(other, NOW), "a published version never changes")
    assert "next version" in error.remedy
    refused(store, lambda: registry.approve(other, "third", NOW), "a published version never changes")
    assert store.payloads() == before
    assert registry.book().proposal("a/1").proposal.id == one[0]


def test_a_proposal_that_others_overtook_is_refused(registry: Registry, store: MemoryStore) -> None:
    late = content(
        "a", valid_from="2028-01-01T00:00:00Z", valid_to="2029-01-01T00:00:00Z", expires_at="2029-01-01T00:00:00Z"
    )
    publish(registry, content("a"))
    proposal = approved(registry, late)
    publish(registry, content("a", valid_from=JULY, mean_ms=7), takes_over=True)
    refused(store, lambda: registry.publish(proposal, NOW), "a/2 is published with another content")


def test_a_proposal_changed_behind_the_registry_halts_it(registry: Registry, store: MemoryStore) -> None:
    proposal = proposed(registry, Draft(content("a")))
    changed = proposal.payload.replace(b'"mean_ms":1000', b'"mean_ms":9000')
    assert changed != proposal.payload
    store.filed[proposal.id] = (changed, NOW)
    with pytest.raises(Halt, match="another content than its id says"):
        registry.approve([proposal.id], SECOND, NOW)
    store.filed[proposal.id] = (b"{}", NOW)
    with pytest.raises(Halt, match="breaks the contract"):
        registry.approve([proposal.id], SECOND, NOW)
    assert store.given == {}


def test_two_contents_under_one_generation_halt_the_writer(registry: Registry, store: MemoryStore) -> None:
    proposal = approved(registry, content("a"))
    for mean in (1, 2):
        one = event(baseline(1, mean_ms=mean))
        assert isinstance(one, BaselinePublished)
        store.events.append((one, payload_of(one)))
    before = store.payloads()
    for what in (registry.book, lambda: registry.publish(proposal, NOW), lambda: registry.propose([], NOW)):
        with pytest.raises(Halt, match="generation 1 has two contents"):
            what()
    assert store.payloads() == before


# --- evidence


@pytest.mark.parametrize(
    "missing", ["evidence", "n", "clusters", "mean_ms", "standard_error_ms", "method", "proposed_by"]
)
def test_without_its_evidence_nothing_is_proposed(registry: Registry, store: MemoryStore, missing: str) -> None:
    draft = {name: value for name, value in content("a").items() if name != missing}
    with pytest.raises(Misconfigured, match=f"a: {missing} is missing: no baseline without its numbers"):
        registry.propose([Draft(draft)], NOW)
    assert store.filed == {}


@pytest.mark.parametrize("missing", ["source", "sha256", "window_from", "window_to"])
def test_no_part_of_the_evidence_may_be_missing(registry: Registry, missing: str) -> None:
    draft = content("a")
    draft["evidence"] = {name: value for name, value in draft["evidence"].items() if name != missing}
    with pytest.raises(Misconfigured, match=f"evidence.{missing} is missing"):
        registry.propose([Draft(draft)], NOW)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"grade": "A"}, "grade: it follows from the method and cannot be given"),
        ({"evidence": {**content("a")["evidence"], "sha256": "abc"}}, "evidence.sha256: the string does not have"),
        ({"valid_to": "2026-01-01T00:00:00Z"}, "valid_to is after valid_from"),
        ({"clusters": 101}, "no more clusters than tasks"),
        ({"method": "guess"}, "method: the value is not one of the allowed ones"),
        ({"proposed_by": "0101011234"}, "never a personal number"),
    ],
)
def test_what_breaks_the_contract_is_named(
    registry: Registry, store: MemoryStore, fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(Misconfigured, match=words) as caught:
        registry.propose([Draft(content("a", **fields))], NOW)
    assert "0101011234" not in str(caught.value)
    assert store.filed == {}


@pytest.mark.parametrize(
    ("method", "grade"),
    [("randomised", "A"), ("holdout", "A"), ("concurrent", "B"), ("history", "C"), ("expert_estimate", "D"), ("self_report", "D")],
)  # fmt: skip
def test_the_grade_follows_from_the_method(registry: Registry, method: str, grade: str) -> None:
    publish(registry, content("a", method=method))
    (version,) = registry.book().versions.values()
    assert version.baseline.grade == grade


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"clusters": 1}, "unsupported: a single case or team"),
        ({"p90_ms": 899}, "90th percentile is below its median"),
        ({"valid_to": "2028-01-02T00:00:00.001Z", "expires_at": "2028-01-02T00:00:00.001Z"}, "later than 24 months"),
    ],
)
def test_what_no_baseline_may_be_is_refused(
    registry: Registry, store: MemoryStore, fields: dict[str, Any], words: str
) -> None:
    refused(store, lambda: registry.propose([Draft(content("a", **fields))], NOW), words)


# --- expired, withdrawn, unknown


def test_what_has_expired_is_not_proposed_unless_it_is_for_the_past(registry: Registry, store: MemoryStore) -> None:
    over = content("a", valid_from="2024-01-01T00:00:00Z", valid_to=NOW, expires_at="2026-01-01T00:00:00Z")
    error = refused(store, lambda: registry.propose([Draft(over)], NOW), "it expired on 2026-01-01")
    assert "--retrospective" in error.remedy
    proposal = proposed(registry, Draft(over, retrospective=True))
    registry.approve([proposal.id], SECOND, NOW)
    assert registry.publish([proposal.id], NOW).new == ("a/1",)
    assert list(states(registry).values()) == [State.EXPIRED]


def test_what_expired_while_it_waited_is_neither_approved_nor_published(registry: Registry, store: MemoryStore) -> None:
    ids = approved(registry, content("a"))
    later = datetime(2028, 1, 1, tzinfo=UTC)
    refused(store, lambda: registry.approve(ids, "third", later), "it expired on 2028-01-01")
    refused(store, lambda: registry.publish(ids, later), "it expired on 2028-01-01")
    assert list(states(registry, later).values()) == [State.EXPIRED]
    assert list(states(registry, later - timedelta(milliseconds=1)).values()) == [State.APPROVED]


def test_what_was_withdrawn_is_neither_approved_nor_published_again(registry: Registry, store: MemoryStore) -> None:
    ids = approved(registry, content("a"))
    registry.publish(ids, NOW)
    registry.withdraw("a", 1, "wrong-file", SECOND, NOW)
    for what in (lambda: registry.approve(ids, SECOND, NOW), lambda: registry.publish(ids, NOW)):
        error = refused(store, what, r"published and withdrawn \(wrong-file\)")
        assert "next version" in error.remedy
    assert list(states(registry).values()) == [State.WITHDRAWN]
    assert proposed(registry, Draft(content("a"))).subject == "a/2"


def test_what_is_published_needs_no_other_approval(registry: Registry, store: MemoryStore) -> None:
    ids = approved(registry, content("a"))
    registry.publish(ids, NOW)
    refused(store, lambda: registry.approve(ids, "third", NOW), "published before")
    assert registry.approve(ids, SECOND, NOW).new == 0


def test_a_proposal_is_named_by_its_id_its_beginning_or_what_it_becomes(registry: Registry, store: MemoryStore) -> None:
    one, other = (proposed(registry, Draft(content("a", mean_ms=mean))) for mean in (1_000, 2_000))
    book = registry.book()
    assert book.proposal(one.id).proposal == book.proposal(one.id[:8]).proposal == one
    for name, words in {
        one.id[:7]: "no such proposal",
        "0" * 64: "no such proposal",
        "b/1": "no such proposal",
        "a/1": f"several proposals are meant: .*{other.id[:12]}",
    }.items():
        with pytest.raises(Misconfigured, match=words):
            registry.approve([name], SECOND, NOW)
    assert store.given == {}
    publish(registry, content("c"))
    found = registry.book().entry("c/1")
    assert isinstance(found, Version)
    assert registry.book().proposal("c/1").proposal.subject == "c/1"


def test_a_number_that_is_missing_makes_nothing_unsaid(registry: Registry, store: MemoryStore) -> None:
    """What was published beyond a gap is in the way too, and no number is given twice."""
    publish(registry, content("gap"))
    publish(registry, content("a", **SAME))
    store.events.pop(0)
    assert registry.book().newest == 2
    refused(store, lambda: registry.propose([Draft(content("b", **SAME))], NOW), "overlaps that of a/1")
    publish(registry, content("b"))
    assert registry.book().newest == 3


def test_a_version_is_published_until_its_interval_is_over(registry: Registry) -> None:
    publish(registry, content("a"))
    book = registry.book()
    (version,) = book.versions.values()
    assert version.state(NOW) == State.PUBLISHED
    assert version.state(version.end) == State.EXPIRED
