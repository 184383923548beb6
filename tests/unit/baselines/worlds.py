"""What the registry writes to: in memory, and for real. Both pass the same tests."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec
from clickhouse_connect.driver.client import Client
from confluent_kafka import Consumer, TopicPartition
from pydantic import SecretStr

from contracts import topics
from contracts.events import AuthorityRegistered, RegistryEvent
from services.baselines.clickhouse import RegistryStore
from services.baselines.kafka import RegistryKafka
from services.baselines.proposals import Proposal
from services.baselines.registry import Log, Store
from services.embedded.broker import Broker
from services.embedded.endpoint_process import EndpointProcess
from services.runtime import clickhouse
from services.runtime.errors import Retry
from services.runtime.migrations import migrate
from services.runtime.settings import ClickHouseSettings, KafkaSettings


class World(Protocol):
    """A store, a log, and what was told to the log so far."""

    @property
    def store(self) -> Store: ...
    @property
    def log(self) -> Log: ...
    def told(self) -> list[bytes]:
        """Every registry event in the topic, in its order."""
        ...


@dataclass
class MemoryStore:
    events: list[tuple[RegistryEvent, bytes]] = field(default_factory=list)
    bindings: list[tuple[str, int, str]] = field(default_factory=list)
    claims: dict[str, datetime] = field(default_factory=dict)
    filed: dict[str, tuple[bytes, datetime]] = field(default_factory=dict)
    given: dict[tuple[str, str], datetime] = field(default_factory=dict)

    def claim(self, holder: str) -> None:
        self.claims[holder] = datetime(2026, 1, 1, tzinfo=UTC)

    def release(self, holder: str) -> None:
        self.claims.pop(holder, None)

    def open_claims(self) -> dict[str, datetime]:
        return dict(self.claims)

    def generation(self) -> int:
        return max((event.data.generation for event, _ in self.events), default=0)

    def published_until(self) -> datetime:
        return max((event.time for event, _ in self.events), default=datetime(1970, 1, 1, tzinfo=UTC))

    def payloads(self) -> list[bytes]:
        return [payload for _, payload in sorted(self.events, key=lambda stored: stored[0].data.generation)]

    def insert(self, events: Sequence[tuple[RegistryEvent, bytes]]) -> None:
        self.events += events

    def bound(self) -> dict[str, tuple[int, set[str]]]:
        found: dict[str, tuple[int, set[str]]] = {}
        for topic, log_no, topic_id in sorted(self.bindings):
            ids = found[topic][1] if topic in found and found[topic][0] == log_no else set()
            found[topic] = (log_no, ids | {topic_id})
        return found

    def bind(self, bindings: Sequence[tuple[str, int, str]]) -> None:
        self.bindings += bindings

    def authorities(self) -> list[dict[str, Any]]:
        newest: dict[str, dict[str, Any]] = {}
        for event, _ in self.events:
            if isinstance(event, AuthorityRegistered):
                newest[event.data.authority] = event.data.model_dump(include={"authority", "version", "name", "sector"})
        return sorted(newest.values(), key=lambda entry: str(entry["authority"]))

    def proposals(self) -> list[tuple[str, bytes, datetime]]:
        return [(id_, *stored) for id_, stored in list(self.filed.items())]

    def approvals(self) -> list[tuple[str, str, datetime]]:
        return [(*key, at) for key, at in list(self.given.items())]

    def insert_proposals(self, proposals: Sequence[tuple[Proposal, datetime]]) -> None:
        for proposal, at in proposals:
            self.filed.setdefault(proposal.id, (proposal.payload, at))

    def insert_approvals(self, approvals: Sequence[tuple[str, str, datetime]]) -> None:
        for proposal, by, at in approvals:
            self.given.setdefault((proposal, by), at)


@dataclass
class MemoryLog:
    messages: list[tuple[bytes, bytes]] = field(default_factory=list)
    topics: dict[str, str] = field(default_factory=dict)

    def ensure_topics(self, wanted: Mapping[str, Mapping[str, str]], partitions: int = 1) -> None:
        assert partitions > 0
        for name in wanted:
            self.topics.setdefault(name, f"id-{len(self.topics)}")

    def ensure_shared_topics(self) -> None:
        self.ensure_topics({topics.BASELINES: {}, topics.REJECTED: {}, topics.SEALS: {}})

    def topic_ids(self, names: Iterable[str]) -> dict[str, str]:
        return {name: self.topics[name] for name in names}

    def publish(self, events: Iterable[tuple[bytes, bytes]]) -> int:
        before = len(self.messages)
        self.messages += events
        return len(self.messages) - before


@dataclass
class MemoryWorld:
    store: MemoryStore = field(default_factory=MemoryStore)
    log: MemoryLog = field(default_factory=MemoryLog)

    def told(self) -> list[bytes]:
        return [payload for _, payload in self.log.messages]


@dataclass
class RealWorld:
    """The embedded broker and the ClickHouse engine behind HTTP."""

    store: RegistryStore
    log: RegistryKafka
    kafka: KafkaSettings
    database: ClickHouseSettings

    def client(self) -> Client:
        """A client of these tables."""
        return clickhouse.connect(self.database)

    def another_store(self) -> RegistryStore:
        """The same tables over a connection of its own."""
        return RegistryStore(self.client())

    def told(self) -> list[bytes]:
        consumer = Consumer(
            {"bootstrap.servers": self.kafka.bootstrap_servers, "group.id": "unused", "enable.partition.eof": True}
        )
        consumer.assign([TopicPartition(topics.BASELINES, 0, 0)])
        payloads: list[bytes] = []
        try:
            while (message := consumer.poll(10)) is not None and message.error() is None:
                payloads.append(message.value() or b"")
            return payloads
        finally:
            consumer.close()


@contextmanager
def real_world(folder: Path) -> Iterator[RealWorld]:
    """Starts both on free ports, and ends them."""
    endpoint = EndpointProcess(folder / "data", "w" * 20, "a" * 20, folder / "endpoint.log")
    broker = Broker(folder / "broker.log")
    try:
        settings = ClickHouseSettings(url=endpoint.start(), user="frigjort_writer", password=SecretStr("w" * 20))
        list(migrate(settings))
        broker.start()
        log = RegistryKafka(broker.settings)
        log.ensure_shared_topics()
        yield RealWorld(RegistryStore(clickhouse.connect(settings)), log, broker.settings, settings)
    finally:
        broker.stop()
        endpoint.stop()


@dataclass
class LogThatIsAway:
    """A log that creates topics, and is away when something is to be published."""

    behind: Log

    def ensure_topics(self, wanted: Mapping[str, Mapping[str, str]], partitions: int = 1) -> None:
        self.behind.ensure_topics(wanted, partitions)

    def ensure_shared_topics(self) -> None:
        self.behind.ensure_shared_topics()

    def topic_ids(self, names: Sequence[str]) -> dict[str, str]:
        return self.behind.topic_ids(names)

    def publish(self, events: Sequence[tuple[bytes, bytes]]) -> int:
        raise Retry("Kafka", f"{len(events)} not acknowledged")


def numbers(payloads: Iterable[bytes], subject: str) -> list[tuple[int, int]]:
    """(version, generation) of the registry events whose subject begins like this, in the order given."""
    found = [msgspec.json.decode(payload) for payload in payloads]
    return [
        (event["data"]["version"], event["data"]["generation"])
        for event in found
        if event["subject"].startswith(subject)
    ]
