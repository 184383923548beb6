"""The one writer of the registry: numbers what it publishes, stores it, then tells Kafka.

Invariant: what is in the topic is in ClickHouse. Publishing what is stored already changes nothing and sends it again
under its own number: so a crash between storing and telling is mended by running the same command again, or by
`republish`. One process at a time may publish (`claims`); were there two, one number could get two contents, and every
collector would halt rather than choose.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import msgspec

from contracts import topics
from contracts.codes import Violation
from contracts.events import PUBLISHED, REGISTERED, WITHDRAWN, RegistryEvent, schema_name
from contracts.reading import STRUCTURED_HEADERS, Record, read
from services.baselines.claims import Claims, Unsure, alone
from services.runtime.errors import Misconfigured, Retry


class Store(Claims, Protocol):
    """What the registry keeps."""

    def generation(self) -> int:
        """The highest number given."""
        ...

    def published_until(self) -> datetime:
        """When the newest event was published; long ago for none."""
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
class Published:
    """What came of a publication: versions that are new, and those that were stored already."""

    new: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class Registry:
    """Publishes authorities and baselines. Another writer is waited for as long as `patience_seconds`, then `Halt` is raised."""

    store: Store
    log: Log
    patience_seconds: float = 20.0

    def add_authorities(self, authorities: Sequence[Mapping[str, Any]], now: datetime, partitions: int = 1) -> int:
        """Registers authorities (authority, name, sector …), creates and binds their topics; how many are new.

        An authority that is registered with the same name and sector already is left as it is. Raises `Misconfigured`
        where one breaks the contract; then none is registered.
        """
        with alone(self.store, self.patience_seconds):
            return self._add_authorities(authorities, now, partitions)

    def _add_authorities(self, authorities: Sequence[Mapping[str, Any]], now: datetime, partitions: int) -> int:
        known = {entry["authority"]: entry for entry in self.store.authorities()}
        changed, unchanged = [], set()
        for authority in authorities:
            before = known.get(authority["authority"])
            if before is not None and (before["name"], before["sector"]) == (authority["name"], authority["sector"]):
                unchanged.add(f"authority/{authority['authority']}/{before['version']}")
                continue
            version = 1 if before is None else int(before["version"]) + 1
            changed.append((f"authority/{authority['authority']}/{version}", {**authority, "version": version}))
        self._publish(REGISTERED, changed, unchanged, now)
        self.bind_topics([str(authority["authority"]) for authority in authorities], partitions)
        return len(changed)

    def publish_baselines(self, proposals: Sequence[Mapping[str, Any]], now: datetime) -> Published:
        """Publishes approved baselines: the fields of `contracts.registry.Baseline` but generation and version.

        A proposal that a version of its series (`baseline`) says already, and that was not withdrawn, is left as it is;
        another one becomes the next version. So a published version never changes, and versions and generations of a
        series rise together. To go back to an earlier version the later one is withdrawn. Raises `Misconfigured` where one breaks the contract; then none is published.
        """
        with alone(self.store, self.patience_seconds):
            return self._publish_baselines(proposals, now)

    def _publish_baselines(self, proposals: Sequence[Mapping[str, Any]], now: datetime) -> Published:
        series = _series([msgspec.json.decode(payload) for payload in self.store.payloads()])
        changed, unchanged = [], set()
        for proposal in proposals:
            content = _content(msgspec.json.decode(msgspec.json.encode(proposal)))
            versions = series.setdefault(str(proposal["baseline"]), {})
            same = [version for version, known in versions.items() if known == content]
            if same:
                unchanged.add(f"{proposal['baseline']}/{same[0]}")
                continue
            version = max(versions, default=0) + 1
            versions[version] = content
            changed.append((f"{proposal['baseline']}/{version}", {**content, "version": version}))
        self._publish(PUBLISHED, changed, unchanged, now)
        return Published(len(changed), len(proposals) - len(changed))

    def withdraw(self, baseline: str, version: int, reason: str, withdrawn_by: str, now: datetime) -> bool:
        """Withdraws a published version, so that it is not matched any more; whether it was in force until now.

        What is withdrawn already stays as it was said first, and is only told again. Raises `Misconfigured` where no
        such version was published, or where `reason` or `withdrawn_by` is no token of the contract.
        """
        with alone(self.store, self.patience_seconds):
            return self._withdraw(baseline, version, reason, withdrawn_by, now)

    def _withdraw(self, baseline: str, version: int, reason: str, withdrawn_by: str, now: datetime) -> bool:
        identifier = f"{baseline}/{version}"
        subjects = {_subject(_message(payload)) for payload in self.store.payloads()}
        if identifier not in subjects:
            raise Misconfigured(identifier, "no such version was published: see `frigjort baseline list`")
        subject = f"{identifier}/withdrawn"
        if subject in subjects:
            self._publish(WITHDRAWN, [], {subject}, now)
            return False
        data = {"baseline": baseline, "version": version, "reason": reason, "withdrawn_by": withdrawn_by}
        self._publish(WITHDRAWN, [(subject, data)], set(), now)
        return True

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

    def _publish(
        self, event_type: str, named: Sequence[tuple[str, dict[str, Any]]], again: set[str], now: datetime
    ) -> None:
        """Numbers, checks and stores the new ones, then sends them and those that are to be sent again.

        Their time never falls behind that of an earlier number, whatever the clock does: what was known at a moment is
        then all numbers up to one (docs/adr/0011).
        """
        generation = self.store.generation()
        published_at = max(now, self.store.published_until())
        stored = [
            message for message in map(_message, self.store.payloads() if again else []) if _subject(message) in again
        ]
        events = []
        for number, (identifier, data) in enumerate(named, start=generation + 1):
            payload = _payload(event_type, identifier, {**data, "generation": number}, published_at)
            events.append((_checked(identifier, payload), payload))
        try:
            self.store.insert(events)
        except Retry as error:
            raise Unsure("the registry", f"it is not known whether this was stored ({error})",
                         "when ClickHouse answers, look at `frigjort baseline list`") from error  # fmt: skip
        self.log.publish([*stored, *(_message(payload) for _, payload in events)])


def _series(stored: Sequence[Mapping[str, Any]]) -> dict[str, dict[int, dict[str, Any]]]:
    """Per series and version what was published; empty where it was withdrawn: no proposal is equal to that."""
    series: dict[str, dict[int, dict[str, Any]]] = {}
    for event in stored:
        data = event["data"]
        if event["type"] == PUBLISHED:
            series.setdefault(data["baseline"], {}).setdefault(data["version"], _content(data))
    for event in stored:
        if event["type"] == WITHDRAWN:
            series.setdefault(event["data"]["baseline"], {})[event["data"]["version"]] = {}
    return series


def _content(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name not in {"version", "generation"} and value is not None}


def _checked(identifier: str, payload: bytes) -> RegistryEvent:
    try:
        event = read(Record(topics.BASELINES, identifier.encode(), STRUCTURED_HEADERS, payload)).event
    except Violation as violation:
        raise Misconfigured(
            identifier, f"breaks the contract at {violation.path}: {violation.code.value}"
        ) from violation
    if not isinstance(event, RegistryEvent):
        raise TypeError(event.type)
    return event


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


def _subject(message: tuple[bytes, bytes]) -> str:
    return message[0].decode()


def _message(payload: bytes) -> tuple[bytes, bytes]:
    return msgspec.json.decode(payload)["subject"].encode(), payload
