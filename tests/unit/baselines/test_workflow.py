"""Misuse of the workflow: each is refused with its cause and a remedy, and nothing is done."""

from datetime import UTC, datetime, timedelta

import pytest

from contracts.events import BaselinePublished
from services.baselines.book import Approval, State, Version
from services.baselines.proposals import Draft
from services.baselines.registry import Registry
from services.runtime.errors import Halt, Misconfigured
from tests.properties.domain.strategies import baseline, event
from tests.properties.restating import payload_of
from tests.unit.baselines.drafts import FIRST, NOW, SECOND, approved, content, proposed, publish, refused, states
from tests.unit.baselines.worlds import MemoryStore

JULY = "2026-07-01T00:00:00Z"


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


# --- expired, withdrawn, unknown


def test_what_has_expired_is_not_proposed_unless_it_is_for_the_past(registry: Registry, store: MemoryStore) -> None:
    over = content("a", valid_from="2024-01-01T00:00:00Z", valid_to=NOW, expires_at="2026-01-01T00:00:00Z")
    error = refused(store, lambda: registry.propose([Draft(over)], NOW), "it expired at 2026-01-01")
    assert "--retrospective" in error.remedy
    proposal = proposed(registry, Draft(over, retrospective=True))
    registry.approve([proposal.id], SECOND, NOW)
    assert registry.publish([proposal.id], NOW).new == ("a/1",)
    assert list(states(registry).values()) == [State.EXPIRED]


def test_what_expired_while_it_waited_is_neither_approved_nor_published(registry: Registry, store: MemoryStore) -> None:
    ids = approved(registry, content("a"))
    later = datetime(2028, 1, 1, tzinfo=UTC)
    refused(store, lambda: registry.approve(ids, "third", later), "it expired at 2028-01-01")
    refused(store, lambda: registry.publish(ids, later), "it expired at 2028-01-01")
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
    publish(registry, content("a", task_type="local:same"))
    store.events.pop(0)
    assert registry.book().newest == 2
    refused(store, lambda: registry.propose([Draft(content("b", task_type="local:same"))], NOW), "overlaps that of a/1")
    publish(registry, content("b"))
    assert registry.book().newest == 3


def test_a_version_is_published_until_its_interval_is_over(registry: Registry) -> None:
    publish(registry, content("a"))
    book = registry.book()
    (version,) = book.versions.values()
    assert version.state(NOW) == State.PUBLISHED
    assert version.state(version.end) == State.EXPIRED
