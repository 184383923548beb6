"""The one writer of the registry: numbers given once, nothing published that is not stored, nothing twice."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import msgspec
import pytest

from contracts import topics
from contracts.identifiers import is_cvr
from services.baselines.registry import Published, Registry
from services.runtime.errors import Misconfigured, Retry
from tests.unit.baselines.worlds import LogThatIsAway, MemoryWorld, World, numbers, real_world

NOW = datetime(2026, 1, 1, tzinfo=UTC)
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


def proposed(series: str, **fields: Any) -> dict[str, Any]:
    return {
        "baseline": series,
        "level": "nation",
        "task_type": "local:a",
        "complexity": "any",
        "valid_from": "2026-01-01T00:00:00.000Z",
        "valid_to": "2028-01-01T00:00:00.000Z",
        "expires_at": "2028-01-01T00:00:00.000Z",
        "n": 100,
        "clusters": 50,
        "mean_ms": 1_000,
        "standard_error_ms": 10,
        "median_ms": 900,
        "p90_ms": 2_000,
        "cap_ms": None,
        "method": "history",
        "evidence": {
            "source": "history",
            "sha256": "0" * 64,
            "window_from": "2025-01-01T00:00:00.000Z",
            "window_to": "2025-12-31T00:00:00.000Z",
        },
        "proposed_by": "first",
        "approved_by": "second",
        **fields,
    }


def test_generations_go_on_where_they_ended(registry: Registry, world: World, series: str) -> None:
    before = world.store.generation()
    done = registry.publish_baselines([proposed(f"{series}/a"), proposed(f"{series}/b")], NOW)
    assert done == Published(2, 0)
    assert numbers(world.store.payloads(), series) == [(1, before + 1), (1, before + 2)]
    assert numbers(world.told(), series) == [(1, before + 1), (1, before + 2)]
    assert world.store.generation() == before + 2


def test_the_time_of_publication_never_falls_behind_whatever_the_clock_does(
    registry: Registry, world: World, series: str, authority: dict[str, Any]
) -> None:
    later = NOW + timedelta(hours=1, milliseconds=7)
    registry.publish_baselines([proposed(series)], later)
    registry.publish_baselines([proposed(series, mean_ms=2)], NOW)
    registry.withdraw(series, 1, "wrong", "first", NOW)
    registry.add_authorities([authority], NOW)
    told = [msgspec.json.decode(payload) for payload in world.store.payloads()][-4:]
    times = [datetime.fromisoformat(event["time"]) for event in told]
    assert times[0] >= later
    assert times == sorted(times)
    assert world.store.published_until() == times[-1]


def test_publishing_again_changes_nothing(registry: Registry, world: World, series: str) -> None:
    registry.publish_baselines([proposed(series)], NOW)
    stored = world.store.payloads()
    later = datetime(2027, 1, 1, tzinfo=UTC)
    assert registry.publish_baselines([proposed(series, version=1)], later) == Published(0, 1)
    assert world.store.payloads() == stored
    assert len(set(numbers(world.told(), series))) == 1


def test_other_numbers_are_a_new_version_never_a_change(registry: Registry, world: World, series: str) -> None:
    for mean in (1_000, 1_100, 1_000):
        registry.publish_baselines([proposed(series, mean_ms=mean)], NOW)
    versions = numbers(world.store.payloads(), series)
    assert [version for version, _ in versions] == [1, 2]
    assert versions[0][1] < versions[1][1]


def test_one_publication_may_hold_versions_of_one_series(registry: Registry, world: World, series: str) -> None:
    three = [proposed(series), proposed(series, mean_ms=1_100), proposed(series)]
    assert registry.publish_baselines(three, NOW) == Published(2, 1)
    assert [version for version, _ in numbers(world.store.payloads(), series)] == [1, 2]


def test_what_was_withdrawn_comes_back_as_a_new_version(registry: Registry, world: World, series: str) -> None:
    registry.publish_baselines([proposed(series)], NOW)
    registry.withdraw(series, 1, "wrong-file", "second", NOW)
    assert registry.publish_baselines([proposed(series)], NOW) == Published(1, 0)
    versions = [version for version, _ in numbers(world.store.payloads(), f"{series}/")]
    assert versions == [1, 1, 2]  # published, withdrawn, published anew


def test_a_crash_between_storing_and_telling_is_mended_by_the_same_command(
    registry: Registry, world: World, series: str
) -> None:
    with pytest.raises(Retry):
        Registry(world.store, LogThatIsAway(world.log)).publish_baselines([proposed(series)], NOW)
    assert len(numbers(world.store.payloads(), series)) == 1
    assert numbers(world.told(), series) == []
    assert registry.publish_baselines([proposed(series)], NOW) == Published(0, 1)
    assert numbers(world.told(), series) == numbers(world.store.payloads(), series)


def test_republishing_tells_all_that_is_stored_under_its_own_numbers(
    registry: Registry, world: World, series: str
) -> None:
    registry.publish_baselines([proposed(series)], NOW)
    told = len(world.told())
    assert registry.republish() == len(world.store.payloads())
    assert world.told()[told:] == world.store.payloads()


@pytest.mark.parametrize("fault", [{"approved_by": "first"}, {"mean_ms": -1}, {"task_type": "wrong"}, {"more": 1}])
def test_one_fault_and_none_is_published(registry: Registry, world: World, series: str, fault: dict[str, Any]) -> None:
    before = world.store.payloads()
    with pytest.raises(Misconfigured, match=f"{series}/bad/1"):
        registry.publish_baselines([proposed(f"{series}/good"), proposed(f"{series}/bad", **fault)], NOW)
    assert world.store.payloads() == before


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
    registry.publish_baselines([proposed(series)], NOW)
    before = world.store.generation()
    assert registry.withdraw(series, 1, "wrong-file", "second", NOW) is True
    assert numbers(world.store.payloads(), f"{series}/1/withdrawn") == [(1, before + 1)]
    assert registry.withdraw(series, 1, "another-reason", "third", NOW) is False
    assert world.store.generation() == before + 1
    assert set(numbers(world.told(), f"{series}/1/withdrawn")) == {(1, before + 1)}


def test_a_withdrawal_that_was_not_told_is_told_the_next_time(registry: Registry, world: World, series: str) -> None:
    registry.publish_baselines([proposed(series)], NOW)
    with pytest.raises(Retry):
        Registry(world.store, LogThatIsAway(world.log)).withdraw(series, 1, "wrong-file", "second", NOW)
    assert numbers(world.told(), f"{series}/1/withdrawn") == []
    assert registry.withdraw(series, 1, "wrong-file", "second", NOW) is False
    assert len(numbers(world.told(), f"{series}/1/withdrawn")) == 1


@pytest.mark.parametrize(
    ("version", "reason", "by"), [(2, "wrong-file", "second"), (1, "two words", "second"), (1, "wrong-file", "")]
)
def test_a_withdrawal_of_nothing_or_without_a_reason_is_refused(
    registry: Registry, world: World, series: str, version: int, reason: str, by: str
) -> None:
    registry.publish_baselines([proposed(series)], NOW)
    before = world.store.payloads()
    with pytest.raises(Misconfigured, match=f"{series}/{version}"):
        registry.withdraw(series, version, reason, by, NOW)
    assert world.store.payloads() == before
