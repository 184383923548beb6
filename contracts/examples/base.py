"""The events that the examples are made of, whole and valid, and how one field of them is changed."""

import copy
import json
from typing import Any, Final

from contracts import events, topics
from contracts.examples import AUTHORITY
from contracts.reading import STRUCTURED_HEADERS, Record

TOPIC: Final = topics.tasks_topic(AUTHORITY)
_LATER: Final = "2026-03-02T09:00:00.000Z"
REMOVED: Final = object()
"""As the new value of a field: the field is taken away."""


def event(event_type: str, subject: str, data: dict[str, Any]) -> dict[str, Any]:
    """A structured event around its data."""
    return {
        "specversion": "1.0",
        "id": f"{subject}-1",
        "source": "/casesystem/eksempel",
        "type": event_type,
        "subject": subject,
        "partitionkey": subject,
        "time": "2026-03-02T08:40:00.000Z",
        "datacontenttype": "application/json",
        "dataschema": events.schema_name(event_type),
        "data": data,
    }


def task(event_type: str = events.COMPLETED, **changes: Any) -> dict[str, Any]:
    """A task state event, with some fields of its data changed."""
    data: dict[str, Any] = {
        "authority": AUTHORITY,
        "task": "t-1",
        "revision": 1 if event_type == events.COMPLETED else 2,
        "task_type": "kle:27.35.04",
        "complexity": "medium",
        "started_at": "2026-03-02T09:00:00+01:00",
        "completed_at": "2026-03-02T08:40:00.000Z",
        "active_ms": 1_200_000,
        "review_ms": 120_000,
        "rework_ms": 0,
        "time_basis": "measured",
        "assistance": "draft",
        "assignment": "chosen",
        "origin": "pre_existing",
        "outcome": "completed",
        "work": "core",
        "audience": "citizen",
    }
    return event(event_type, "t-1", data | changes)


def full() -> dict[str, Any]:
    """A task state event with every field."""
    event = task(
        assignment="random",
        arm="treatment",
        assigned_at="2026-03-02T07:59:00Z",
        study="trial-1",
        stratum="s-1",
        predicted_without_ai_ms=1_800_000,
        predicted_with_ai_ms=1_000_000,
        predicted_at="2026-03-02T07:58:00Z",
        programme="p-1",
        cluster="c-1",
        cluster_kind="case",
        ai={
            "gen_ai.provider.name": "provider",
            "gen_ai.request.model": "model-1",
            "gen_ai.operation.name": "chat",
            "gen_ai.usage.input_tokens": 900,
            "gen_ai.usage.output_tokens": 250,
        },
    )
    return event | {"sequence": "42", "recordedtime": _LATER}


def retraction() -> dict[str, Any]:
    """A retraction."""
    data = {"authority": AUTHORITY, "task": "t-1", "revision": 3, "reason": "reported-twice"}
    return event(events.RETRACTED, "t-1", data)


def heartbeat() -> dict[str, Any]:
    """A source's heartbeat."""
    data = {"authority": AUTHORITY, "since": "2026-01-01T00:00:00Z", "at": _LATER, "sent": 42, "last_sequence": "42"}
    return event(events.HEARTBEAT, AUTHORITY, data)


def realisation() -> dict[str, Any]:
    """A confirmed benefit."""
    data = {
        "authority": AUTHORITY,
        "realisation": "r-1",
        "revision": 1,
        "period_from": "2026-01-01T00:00:00Z",
        "period_to": "2026-02-01T00:00:00Z",
        "realised_ms": 360_000_000,
        "use": "core_task",
        "confirmed_by": "benefit-owner",
        "programme": "p-1",
    }
    return event(events.REALISED, "r-1", data)


def baseline() -> dict[str, Any]:
    """A published baseline."""
    data = {
        "baseline": "nation/27.35.04",
        "version": 1,
        "generation": 1,
        "level": "nation",
        "task_type": "kle:27.35.04",
        "complexity": "any",
        "valid_from": "2026-01-01T00:00:00Z",
        "valid_to": "2028-01-01T00:00:00Z",
        "expires_at": "2028-01-01T00:00:00Z",
        "n": 2400,
        "clusters": 800,
        "mean_ms": 1_800_000,
        "standard_error_ms": 30_000,
        "median_ms": 1_500_000,
        "p90_ms": 3_600_000,
        "cap_ms": 7_200_000,
        "mean_half_cap_ms": 1_740_000,
        "standard_error_half_cap_ms": 27_000,
        "mean_double_cap_ms": 1_830_000,
        "standard_error_double_cap_ms": 33_000,
        "between_authority_sd_ms": 90_000,
        "method": "history",
        "evidence": {
            "source": "log-2025",
            "sha256": "ab" * 32,
            "window_from": "2025-01-01T00:00:00Z",
            "window_to": "2025-12-31T00:00:00Z",
        },
        "proposed_by": "method-office",
        "approved_by": "finance-office",
    }
    return event(events.PUBLISHED, "nation/27.35.04/1", data)


def withdrawal() -> dict[str, Any]:
    """A withdrawn baseline."""
    data = {
        "baseline": "nation/27.35.04",
        "version": 1,
        "generation": 2,
        "reason": "wrong-file",
        "withdrawn_by": "office",
    }
    return event(events.WITHDRAWN, "nation/27.35.04/1/withdrawn", data)


def authority() -> dict[str, Any]:
    """A registered authority."""
    data = {"authority": AUTHORITY, "version": 1, "generation": 3, "name": "Eksempel Kommune", "sector": "municipality"}
    data |= {"case_systems": 4, "staff_hours": 1_900_000}
    return event(events.REGISTERED, f"authority/{AUTHORITY}/1", data)


def record(event: dict[str, Any], topic: str = TOPIC) -> Record:
    """A structured event as a Kafka record."""
    return Record(
        topic, str(event["subject"]).encode(), STRUCTURED_HEADERS, json.dumps(event, ensure_ascii=False).encode()
    )


def binary(event: dict[str, Any]) -> Record:
    """An event in binary content mode as a Kafka record."""
    attributes = {name: value for name, value in event.items() if name not in {"data", "datacontenttype"}}
    headers = (("content-type", b"application/json"), *((f"ce_{n}", str(v).encode()) for n, v in attributes.items()))
    return Record(TOPIC, str(event["subject"]).encode(), headers, json.dumps(event["data"]).encode())


def changed(event: dict[str, Any], field: str, value: Any) -> dict[str, Any]:
    """A copy of an event with one field set, or removed."""
    result = copy.deepcopy(event)
    *above, last = field.split(".", 1) if field.startswith("data.") else (field,)
    target = result[above[0]] if above else result
    if value is REMOVED:
        del target[last]
    else:
        target[last] = value
    return result
