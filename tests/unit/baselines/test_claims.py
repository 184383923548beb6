"""One writer at a time: writers at once give every number and version once; a writer that died is not overtaken."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec
import pytest

from services.baselines.claims import Unsure, alone
from services.baselines.registry import Registry, Store
from services.runtime.errors import Halt, Misconfigured, Refused, Retry
from tests.unit.baselines.drafts import NOW, approved, content, publish
from tests.unit.baselines.worlds import MemoryStore, MemoryWorld, RealWorld, World, real_world


@pytest.fixture(scope="module", params=["in memory", "real"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    if request.param == "in memory":
        yield MemoryWorld()
        return
    with real_world(tmp_path_factory.mktemp("claims")) as real:
        yield real


def another(world: World) -> Store:
    """The store as another process sees it: over a connection of its own."""
    return world.another_store() if isinstance(world, RealWorld) else world.store


def publish_at_last(registry: Registry, baseline: dict[str, Any]) -> None:
    """Proposes again what another writer's publication has made outdated."""
    while True:
        with suppress(Refused):
            publish(registry, baseline, takes_over=True)
            return


def test_writers_at_once_give_each_number_and_each_version_once(world: World) -> None:
    writers, each = 4, 5

    def write(writer: int) -> None:
        registry = Registry(another(world), world.log, patience_seconds=60)
        for number in range(each):
            publish_at_last(registry, content("shared", mean_ms=1_000 + writer * each + number))

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, range(writers)))
    stored = [msgspec.json.decode(payload)["data"] for payload in world.store.payloads()]
    versions = [data["version"] for data in stored if data["baseline"] == "shared" and "n" in data]
    assert versions == list(range(1, writers * each + 1))  # rising together with the generations
    assert [data["generation"] for data in stored] == list(range(1, len(stored) + 1))
    assert world.store.open_claims() == {}


def test_a_claim_of_another_is_waited_for_and_named(world: World) -> None:
    another(world).claim("host/1/dead")
    before = world.store.payloads()
    registry = Registry(world.store, world.log, patience_seconds=0.2)
    proposals = approved(registry, content("other"))
    writes: list[Callable[[], object]] = [
        lambda: registry.publish(proposals, NOW),
        lambda: registry.add_authorities([{"authority": "10000009", "name": "E", "sector": "state"}], NOW),
        lambda: registry.withdraw("shared", 1, "wrong", "second", NOW),
    ]
    for write in writes:
        with pytest.raises(Halt, match="frigjort registry unlock host/1/dead"):
            write()
    assert world.store.payloads() == before
    assert list(world.store.open_claims()) == ["host/1/dead"]
    world.store.release("host/1/dead")
    assert registry.publish(proposals, NOW).new == ("other/1",)


def test_a_fault_releases_the_claim(world: World) -> None:
    with pytest.raises(Misconfigured):
        Registry(world.store, world.log).publish(["unknown"], NOW)
    assert world.store.open_claims() == {}


def test_two_that_see_each_other_both_give_way() -> None:
    """Whatever the order of claims and reads, never two go on."""
    store = MemoryStore()
    with alone(store, 1), pytest.raises(Halt), alone(store, 0):
        pass
    assert store.open_claims() == {}


class UnsureStore(MemoryStore):
    """Does not answer when it is asked to store events."""

    def insert(self, events: object) -> None:  # noqa: ARG002 - as the store says it
        raise Retry("ClickHouse", "timed out")


def test_while_it_is_unknown_whether_rows_were_stored_nobody_else_writes() -> None:
    store, log = UnsureStore(), MemoryWorld().log
    proposals = approved(Registry(store, log), content("a"))
    with pytest.raises(Unsure, match="frigjort registry unlock"):
        Registry(store, log).publish(proposals, NOW)
    (holder,) = store.open_claims()
    assert log.messages == []
    with pytest.raises(Halt, match=holder):
        Registry(store, log, patience_seconds=0).publish(proposals, NOW)


class StoreThatIsAway(MemoryStore):
    """Stores claims and does not answer which are open."""

    def open_claims(self) -> dict[str, datetime]:
        raise Retry("ClickHouse", "timed out")


def test_a_claim_that_could_not_be_checked_is_given_back() -> None:
    store = StoreThatIsAway()
    registry = Registry(store, MemoryWorld().log)
    proposals = approved(registry, content("a"))
    with pytest.raises(Retry):
        registry.publish(proposals, NOW)
    assert store.claims == {}


def test_an_interruption_leaves_the_claim() -> None:
    store = MemoryStore()
    with pytest.raises(KeyboardInterrupt), alone(store, 0):
        raise KeyboardInterrupt
    assert len(store.open_claims()) == 1
