"""The one writer of the registry: numbers given once, nothing published that is not stored, nothing twice."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import msgspec
import pytest

from contracts import topics
from contracts.identifiers import is_cvr
from services.baselines.book import Approval, Version
from services.baselines.proposals import Draft, Proposal
from services.baselines.registry import Registry
from services.runtime.errors import Misconfigured, Refused, Retry
from tests.unit.baselines.drafts import NOW, SECOND, approved, content, publish
from tests.unit.baselines.worlds import LogThatIsAway, MemoryWorld, RealWorld, World, numbers, real_world

_numbers = count(60_000_000)
_names = count(1)


@pytest.fixture(scope="module", params=["in memory", "real"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One world for all tests: what one has published must not disturb the next."""
    if request.param == "in memory":
        yield MemoryWorld()
        return
    with real_world(tmp_path_factory.mktemp("registry")) as real:
        yield real


@pytest.fixture
def registry(world: World) -> Registry:
    return Registry(world.store, world.log)


@pytest.fixture
def series() -> str:
    return f"series-{next(_names)}"


@pytest.fixture
def authority() -> dict[str, Any]:
    cvr = next(str(number) for number in _numbers if is_cvr(str(number)))
    return {"authority": cvr, "name": "Eksempel", "sector": "state"}


def test_generations_go_on_where_they_ended(registry: Registry, world: World, series: str) -> None:
    before = world.store.generation()
    done = publish(registry, content(f"{series}/a"), content(f"{series}/b"))
    assert (done.new, done.unchanged) == ((f"{series}/a/1", f"{series}/b/1"), ())
    assert numbers(world.store.payloads(), series) == [(1, before + 1), (1, before + 2)]
    assert numbers(world.told(), series) == [(1, before + 1), (1, before + 2)]
    assert world.store.generation() == before + 2


def test_the_time_of_publication_never_falls_behind_whatever_the_clock_does(
    registry: Registry, world: World, series: str, authority: dict[str, Any]
) -> None:
    later = NOW + timedelta(hours=1, milliseconds=7)
    publish(registry, content(series), now=later)
    publish(registry, content(series, mean_ms=2), takes_over=True)
    registry.withdraw(series, 2, "wrong", "first", NOW)
    registry.add_authorities([authority], NOW)
    told = [msgspec.json.decode(payload) for payload in world.store.payloads()][-5:]
    times = [datetime.fromisoformat(event["time"]) for event in told]
    assert times[0] >= later
    assert times == sorted(times)
    assert times[1] == times[2], "what is replaced and what takes its place"
    assert world.store.published_until() == times[-1]


def test_publishing_again_changes_nothing(registry: Registry, world: World, series: str) -> None:
    (proposal,) = approved(registry, content(series))
    registry.publish([proposal], NOW)
    stored = world.store.payloads()
    done = registry.publish([proposal, f"{series}/1", proposal[:10]], datetime(2027, 1, 1, tzinfo=UTC))
    assert (done.new, done.unchanged) == ((), (f"{series}/1",))
    assert world.store.payloads() == stored
    assert len(set(numbers(world.told(), series))) == 1


def test_what_is_published_already_is_not_proposed_again(registry: Registry, world: World, series: str) -> None:
    publish(registry, content(series))
    filed = world.store.proposals()
    (found,) = registry.propose([Draft(content(series))], NOW)
    assert isinstance(found, Version)
    assert found.subject == f"{series}/1"
    assert sorted(world.store.proposals()) == sorted(filed)


def test_proposing_and_approving_twice_is_once(registry: Registry, world: World, series: str) -> None:
    later = datetime(2026, 2, 1, tzinfo=UTC)
    (proposal,) = approved(registry, content(series))
    assert approved(registry, content(series), now=later) == [proposal]
    assert [at for id_, _, at in world.store.proposals() if id_ == proposal] == [NOW]
    assert [at for id_, by, at in world.store.approvals() if id_ == proposal] == [NOW]
    assert registry.approve([proposal], SECOND, later).new == 0
    filed = registry.book().filed[proposal]
    assert (filed.proposed_at, filed.approvals) == (NOW, (Approval(NOW, SECOND),))


def test_another_content_is_the_next_version_and_changes_none(registry: Registry, world: World, series: str) -> None:
    publish(registry, content(series))
    (first,) = (payload for payload in world.store.payloads() if f'"{series}/1"'.encode() in payload)
    done = publish(registry, content(series, mean_ms=1_100), takes_over=True)
    assert done.new == (f"{series}/2",)
    stored = numbers(world.store.payloads(), f"{series}/")
    assert [version for version, _ in stored] == [1, 1, 2]  # published, withdrawn, the next
    assert [generation for _, generation in stored] == sorted(generation for _, generation in stored)
    assert first in world.store.payloads()


def test_what_was_withdrawn_comes_back_as_a_new_version(registry: Registry, world: World, series: str) -> None:
    publish(registry, content(series))
    registry.withdraw(series, 1, "wrong-file", SECOND, NOW)
    assert publish(registry, content(series)).new == (f"{series}/2",)
    versions = [version for version, _ in numbers(world.store.payloads(), f"{series}/")]
    assert versions == [1, 1, 2]  # published, withdrawn, published anew


def test_a_crash_between_storing_and_telling_is_mended_by_the_same_command(
    registry: Registry, world: World, series: str
) -> None:
    publish(registry, content(series))
    told = numbers(world.told(), series)
    later = content(series, valid_from="2026-07-01T00:00:00Z", mean_ms=2_000, expires_at="2028-07-01T00:00:00Z")
    (proposal,) = approved(registry, later, takes_over=True)
    with pytest.raises(Retry):
        Registry(world.store, LogThatIsAway(world.log)).publish([proposal], NOW)
    assert [version for version, _ in numbers(world.store.payloads(), series)] == [1, 1, 2, 3]
    assert numbers(world.told(), series) == told
    assert registry.publish([proposal], NOW).unchanged == (f"{series}/3",)
    assert numbers(world.told(), series)[len(told) :] == numbers(world.store.payloads(), series)


def test_republishing_tells_all_that_is_stored_under_its_own_numbers(
    registry: Registry, world: World, series: str
) -> None:
    publish(registry, content(series))
    told = len(world.told())
    assert registry.republish() == len(world.store.payloads())
    assert world.told()[told:] == world.store.payloads()


@pytest.mark.parametrize("fault", [{"approved_by": "second"}, {"mean_ms": -1}, {"task_type": "wrong"}, {"more": 1}])
def test_one_fault_and_none_is_proposed(registry: Registry, world: World, series: str, fault: dict[str, Any]) -> None:
    before = sorted(world.store.proposals())
    with pytest.raises(Misconfigured, match=f"{series}/bad"):
        registry.propose([Draft(content(f"{series}/good")), Draft(content(f"{series}/bad", **fault))], NOW)
    assert sorted(world.store.proposals()) == before


def test_one_that_is_not_approved_and_none_is_published(registry: Registry, world: World, series: str) -> None:
    ids = approved(registry, content(f"{series}/good"))
    (bad,) = registry.propose([Draft(content(f"{series}/bad"))], NOW)
    assert isinstance(bad, Proposal)
    before = world.store.payloads()
    with pytest.raises(Refused, match="nobody but its proposer has approved it"):
        registry.publish([*ids, bad.id], NOW)
    assert world.store.payloads() == before
    assert world.store.open_claims() == {}


def test_one_that_may_not_be_approved_and_none_is(registry: Registry, world: World, series: str) -> None:
    good, own = (content(f"{series}/{name}", proposed_by=name) for name in ("good", "own"))
    ids = [one.id for one in registry.propose([Draft(good), Draft(own)], NOW) if isinstance(one, Proposal)]
    before = sorted(world.store.approvals())
    with pytest.raises(Refused, match="own proposed it"):
        registry.approve(ids, "own", NOW)
    assert sorted(world.store.approvals()) == before


def test_many_at_once_are_stored_in_one_block(registry: Registry, world: World, series: str) -> None:
    if not isinstance(world, RealWorld):
        publish(registry, *(content(f"{series}/{number}") for number in range(3)))
        return
    parts = "SELECT count() FROM system.parts WHERE table = 'baselines' AND active"
    world.client().command("SYSTEM STOP MERGES baselines")
    ids = approved(registry, *(content(f"{series}/{number}") for number in range(3_000)))
    before = world.client().command(parts)
    registry.publish(ids, NOW)
    assert int(str(world.client().command(parts))) == int(str(before)) + 1


def test_an_authority_is_registered_once(registry: Registry, world: World, authority: dict[str, Any]) -> None:
    subject = f"authority/{authority['authority']}/"
    assert registry.add_authorities([authority], NOW) == 1
    stored = world.store.payloads()
    assert registry.add_authorities([authority], NOW) == 0
    assert world.store.payloads() == stored
    moved = {**authority, "sector": "region"}
    assert registry.add_authorities([moved], NOW) == 1
    assert [version for version, _ in numbers(world.store.payloads(), subject)] == [1, 2]
    (entry,) = [e for e in world.store.authorities() if e["authority"] == authority["authority"]]
    assert (entry["version"], entry["sector"]) == (2, "region")


def test_an_authority_whose_event_was_not_told_is_told_the_next_time(
    registry: Registry, world: World, authority: dict[str, Any]
) -> None:
    subject = f"authority/{authority['authority']}/"
    with pytest.raises(Retry):
        Registry(world.store, LogThatIsAway(world.log)).add_authorities([authority], NOW)
    assert registry.add_authorities([authority], NOW) == 0
    assert numbers(world.told(), subject) == numbers(world.store.payloads(), subject)
    assert topics.tasks_topic(authority["authority"]) in world.store.bound()


def test_a_topic_is_bound_once_an_incarnation(registry: Registry, world: World, authority: dict[str, Any]) -> None:
    registry.add_authorities([authority], NOW)
    assert registry.bind_topics([authority["authority"]]) == 0
    log_no, ids = world.store.bound()[topics.tasks_topic(authority["authority"])]
    assert (log_no, len(ids)) == (1, 1)


def test_a_withdrawal_is_numbered_stored_and_told_once(registry: Registry, world: World, series: str) -> None:
    publish(registry, content(series))
    before = world.store.generation()
    assert registry.withdraw(series, 1, "wrong-file", SECOND, NOW) is True
    assert numbers(world.store.payloads(), f"{series}/1/withdrawn") == [(1, before + 1)]
    assert registry.withdraw(series, 1, "another-reason", "third", NOW) is False
    assert world.store.generation() == before + 1
    assert set(numbers(world.told(), f"{series}/1/withdrawn")) == {(1, before + 1)}


def test_a_withdrawal_that_was_not_told_is_told_the_next_time(registry: Registry, world: World, series: str) -> None:
    publish(registry, content(series))
    with pytest.raises(Retry):
        Registry(world.store, LogThatIsAway(world.log)).withdraw(series, 1, "wrong-file", SECOND, NOW)
    assert numbers(world.told(), f"{series}/1/withdrawn") == []
    assert registry.withdraw(series, 1, "wrong-file", SECOND, NOW) is False
    assert len(numbers(world.told(), f"{series}/1/withdrawn")) == 1


@pytest.mark.parametrize(
    ("version", "reason", "by"), [(2, "wrong-file", "second"), (1, "two words", "second"), (1, "wrong-file", "")]
)
def test_a_withdrawal_of_nothing_or_without_a_reason_is_refused(
    registry: Registry, world: World, series: str, version: int, reason: str, by: str
) -> None:
    publish(registry, content(series))
    before = world.store.payloads()
    with pytest.raises(Misconfigured, match=f"{series}/{version}"):
        registry.withdraw(series, version, reason, by, NOW)
    assert world.store.payloads() == before
