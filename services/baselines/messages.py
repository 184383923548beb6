"""What the registry says, as events of the contract: numbered, checked, and read again. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from contracts import topics
from contracts.codes import Violation
from contracts.events import RegistryEvent, schema_name
from contracts.reading import STRUCTURED_HEADERS, Record, read
from services.domain.match import Registry, TwoContentsForOneGenerationError
from services.runtime.errors import Halt, Misconfigured


@dataclass(frozen=True, slots=True)
class Said:
    """What is to be said next: an event's type, its subject, and its data but for the generation."""

    event_type: str
    subject: str
    data: Mapping[str, Any]


def numbered(said: Sequence[Said], first: int, now: datetime) -> list[tuple[RegistryEvent, bytes]]:
    """Events under the generations from `first` on, with their payloads. Raises `Misconfigured` where one breaks the
    contract."""
    events = []
    for generation, one in enumerate(said, start=first):
        payload = _payload(one, generation, now)
        events.append((_checked(one.subject, payload), payload))
    return events


def message(payload: bytes) -> tuple[bytes, bytes]:
    """The record of the registry's topic: key and value."""
    return msgspec.json.decode(payload)["subject"].encode(), payload


def registry_of(payloads: Iterable[bytes]) -> Registry:
    """The registry that these stored events make. Raises `Halt` where they are none, or contradict each other."""
    try:
        return Registry().apply(map(_event, payloads))
    except Violation as violation:
        raise Halt(
            "the registry", f"a stored event breaks the contract ({violation})", "see `frigjort doctor`"
        ) from violation
    except TwoContentsForOneGenerationError as error:
        raise Halt("the registry", str(error), "find out who wrote the second; there is one registry writer") from error


def _event(payload: bytes) -> RegistryEvent:
    key, value = message(payload)
    return read(Record(topics.BASELINES, key, STRUCTURED_HEADERS, value)).event  # type: ignore[return-value]


def _checked(subject: str, payload: bytes) -> RegistryEvent:
    try:
        event = read(Record(topics.BASELINES, subject.encode(), STRUCTURED_HEADERS, payload)).event
    except Violation as violation:
        raise Misconfigured(subject, f"breaks the contract at {violation.path}: {violation.code.value}") from violation
    if not isinstance(event, RegistryEvent):
        raise TypeError(event.type)
    return event


def _payload(said: Said, generation: int, now: datetime) -> bytes:
    data = {**said.data, "generation": generation}
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": f"{said.subject}/{generation}",
            "source": "/frigjort/registry",
            "type": said.event_type,
            "subject": said.subject,
            "partitionkey": said.subject,
            "time": now,
            "datacontenttype": "application/json",
            "dataschema": schema_name(said.event_type),
            "data": {name: value for name, value in data.items() if value is not None},
        }
    )
