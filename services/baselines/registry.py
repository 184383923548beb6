"""The one writer of the registry: numbers what it publishes, stores it, then tells Kafka.

Invariant: what is in the topic is in ClickHouse. A crash between the two is mended by `republish`, which may run at any
time: the same events under the same numbers change nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import msgspec

from contracts import topics
from contracts.events import PUBLISHED, REGISTERED, RegistryEvent, schema_name
from contracts.reading import Record, read


class Store(Protocol):
    """What the registry keeps."""

    def generation(self) -> int:
        """The highest number given."""
        ...

    def payloads(self) -> list[bytes]:
        """All events, in the order of their numbers."""
        ...

    def insert(self, events: Sequence[tuple[RegistryEvent, bytes]]) -> None:
        """Stores new events."""
        ...

    def bound(self) -> dict[str, tuple[int, set[str]]]:
        """Topic to (highest log number, its topic ids)."""
        ...

    def bind(self, bindings: Sequence[tuple[str, int, str]]) -> None:
        """Binds (topic, log number, topic id)."""
        ...

    def authorities(self) -> list[dict[str, Any]]:
        """The newest version of each authority."""
        ...

    def baselines(self) -> list[dict[str, Any]]:
        """Every published version."""
        ...


class Log(Protocol):
    """What the registry needs of Kafka."""

    def ensure_topics(self, wanted: Mapping[str, Mapping[str, str]], partitions: int = 1) -> None:
        """Creates topics that are missing."""
        ...

    def ensure_shared_topics(self) -> None:
        """Creates the registry's own topics."""
        ...

    def topic_ids(self, names: Sequence[str]) -> dict[str, str]:
        """The incarnation of each topic."""
        ...

    def publish(self, events: Sequence[tuple[bytes, bytes]]) -> int:
        """Sends (key, event) in order."""
        ...


@dataclass(frozen=True, slots=True)
class Registry:
    """Publishes authorities and baselines."""

    store: Store
    log: Log

    def add_authorities(self, authorities: Sequence[Mapping[str, Any]], now: datetime, partitions: int = 1) -> int:
        """Registers authorities (authority, name, sector …), creates and binds their topics; how many are new.

        An authority that is registered with the same name and sector already is left as it is.
        """
        known = {entry["authority"]: entry for entry in self.store.authorities()}
        changed = []
        for authority in authorities:
            before = known.get(authority["authority"])
            if before is not None and (before["name"], before["sector"]) == (authority["name"], authority["sector"]):
                continue
            version = 1 if before is None else int(before["version"]) + 1
            changed.append((f"authority/{authority['authority']}/{version}", {**authority, "version": version}))
        self._publish(REGISTERED, changed, now)
        self.bind_topics([str(authority["authority"]) for authority in authorities], partitions)
        return len(changed)

    def publish_baselines(self, proposals: Sequence[Mapping[str, Any]], now: datetime) -> int:
        """Publishes approved baselines (the fields of `contracts.registry.Baseline` but the generation); how many."""
        named = [(f"{proposal['baseline']}/{proposal['version']}", dict(proposal)) for proposal in proposals]
        self._publish(PUBLISHED, named, now)
        return len(named)

    def republish(self) -> int:
        """Sends everything that is stored again, under its own numbers; how many events."""
        return self.log.publish([_message(payload) for payload in self.store.payloads()])

    def bind_topics(self, authorities: Sequence[str], partitions: int = 1) -> int:
        """Creates the authorities' topics and binds each new incarnation to the next log number; how many."""
        if not authorities:
            return 0
        names = [topics.tasks_topic(authority) for authority in authorities]
        self.log.ensure_topics(dict.fromkeys(names, topics.TASKS_CONFIG), partitions)
        bound = self.store.bound()
        new = []
        for name, topic_id in self.log.topic_ids(names).items():
            log_no, ids = bound.get(name, (0, set()))
            if topic_id not in ids:
                new.append((name, log_no + 1, topic_id))
        self.store.bind(new)
        return len(new)

    def _publish(self, event_type: str, named: Sequence[tuple[str, dict[str, Any]]], now: datetime) -> None:
        generation = self.store.generation()
        events = []
        for number, (identifier, data) in enumerate(named, start=generation + 1):
            payload = _payload(event_type, identifier, {**data, "generation": number}, now)
            reading = read(Record(topics.BASELINES, identifier.encode(), _HEADERS, payload))
            events.append((reading.event, payload))
        self.store.insert(events)  # type: ignore[arg-type]
        self.log.publish([_message(payload) for _, payload in events])


_HEADERS = (("content-type", b"application/cloudevents+json"),)


def _payload(event_type: str, identifier: str, data: Mapping[str, Any], now: datetime) -> bytes:
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": f"{identifier}/{data['generation']}",
            "source": "/frigjort/registry",
            "type": event_type,
            "subject": identifier,
            "partitionkey": identifier,
            "time": now,
            "datacontenttype": "application/json",
            "dataschema": schema_name(event_type),
            "data": {name: value for name, value in data.items() if value is not None},
        }
    )


def _message(payload: bytes) -> tuple[bytes, bytes]:
    return msgspec.json.decode(payload)["subject"].encode(), payload
